"""The containers of a container app: the reverse proxy, and a user's image behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..mcp.server_config import HTTP, PROGRAM
from ..mcp.user_container import UserContainer
from .container_args import MB_IN_GB, AzureContainerAppArgs, program_size
from .otlp import AzureOtlpReceiver
from .secrets import AzureSecrets

PROGRAM_CONTAINER: Final = "program"


def app_template(args: AzureContainerAppArgs, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The containers and volumes of a replica, the container that takes requests first.

    Args:
        args: the component's.
        variables: environment of the server.
    """
    given = [
        *({"name": key, "value": value} for key, value in variables.items()),
        *_references(otlp_versions(args.otlp)),
    ]
    secrets = _references(secret_versions(args.secrets))
    if args.upstream is None:
        return {"containers": [_server(args, [*given, *secrets])]}
    template = {"containers": [_server(args, given), _program(args.upstream, secrets)]}
    if not args.upstream.writable:
        return template
    return {
        **template,
        "volumes": [
            {"name": volume, "storageType": "EmptyDir"} for volume in _volumes(args.upstream)
        ],
    }


def secret_versions(secrets: AzureSecrets | None) -> Mapping[str, str]:
    """Addresses of versions of secrets, by environment variable."""
    return secrets.versions if secrets else {}


def otlp_versions(receiver: AzureOtlpReceiver | None) -> Mapping[str, str]:
    """The same of the token for the receiver of OTLP."""
    return secret_versions(receiver.secrets if receiver else None)


def _references(versions: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": key, "secretRef": secret_name(key)} for key in versions]


def secret_name(variable: str) -> str:
    """The name of a variable's secret in the form that Container Apps accepts."""
    return variable.lower().replace("_", "-")


def _server(args: AzureContainerAppArgs, variables: list[dict[str, Any]]) -> dict[str, Any]:
    def get(path: str) -> dict[str, Any]:
        return {"httpGet": {"path": path, "port": HTTP, "scheme": "HTTP"}, "timeoutSeconds": 3}

    return {
        "name": "server",
        "image": args.image,
        "command": [PROGRAM],
        "env": variables,
        "resources": _resources(args.cpu, args.memory_mb),
        "probes": [
            {"type": "Startup", **get("/health"), "periodSeconds": 6, "failureThreshold": 10},
            {"type": "Liveness", **get("/health"), "periodSeconds": 10, "failureThreshold": 3},
            # With an image behind it, it is ready while the image answers.
            {"type": "Readiness", **get("/ready"), "periodSeconds": 5, "failureThreshold": 3},
        ],
    }


def _program(program: UserContainer, secrets: list[dict[str, Any]]) -> dict[str, Any]:
    first, *rest = program.command or ("",)
    port = {"port": program.port}
    asked = (
        {"httpGet": {"path": program.health, **port, "scheme": "HTTP"}}
        if program.health
        else {"tcpSocket": port}
    )
    probe = {**asked, "timeoutSeconds": 3}
    mounts = [
        {"volumeName": volume, "mountPath": path} for volume, path in _volumes(program).items()
    ]
    return {
        "name": PROGRAM_CONTAINER,
        "image": program.image,
        **({"command": [first], "args": rest} if first else {}),
        "env": [*({"name": k, "value": v} for k, v in sorted(program.env.items())), *secrets],
        "resources": _resources(*program_size(program)),
        **({"volumeMounts": mounts} if mounts else {}),
        "probes": [
            {"type": "Startup", **probe, "periodSeconds": 6, "failureThreshold": 10},
            {"type": "Liveness", **probe, "periodSeconds": 10, "failureThreshold": 3},
        ],
    }


def _volumes(program: UserContainer) -> dict[str, str]:
    """The directory of each volume."""
    return {f"writable-{number}": path for number, path in enumerate(program.writable)}


def _resources(cpu: float, memory_mb: int) -> dict[str, Any]:
    return {"cpu": cpu, "memory": f"{memory_mb / MB_IN_GB:g}Gi"}
