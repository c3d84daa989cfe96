"""The containers of a Cloud Run service: the reverse proxy, and a user's image behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..mcp.server_config import HTTP, PROGRAM
from ..mcp.user_container import UserContainer
from .container_args import CloudRunArgs, program_cpu
from .otlp import otlp_token
from .secrets import version_parts

PROGRAM_CONTAINER: Final = "program"


def run_containers(args: CloudRunArgs, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers, the one that takes requests first.

    Args:
        args: the component's.
        variables: environment of the server.
    """
    given = [{"name": key, "value": value} for key, value in variables.items()]
    secrets = _secrets(args, args.secrets)
    given += _secrets(args, otlp_token(args.otlp))
    if args.upstream is None:
        return [_server(args, [*given, *secrets], "/health")]
    # The server passes its probes while the program answers.
    server = _server(args, given, "/ready")
    return [
        {**server, "dependsOns": [PROGRAM_CONTAINER]},
        _program(args.upstream, secrets),
    ]


def _server(args: CloudRunArgs, variables: list[dict[str, Any]], path: str) -> dict[str, Any]:
    health = {"httpGet": {"path": path, "port": HTTP}}
    return {
        "name": "server",
        "image": args.image,
        "commands": [PROGRAM],
        "ports": {"name": "http1", "containerPort": HTTP},
        "envs": variables,
        "resources": _resources(args.cpu, args.memory_mb),
        # The times are those of the source documents.
        "startupProbe": {
            **health,
            "initialDelaySeconds": 10,
            "periodSeconds": 5,
            "timeoutSeconds": 3,
            "failureThreshold": 10,
        },
        "livenessProbe": {
            **health,
            "initialDelaySeconds": 10,
            "periodSeconds": 10,
            "timeoutSeconds": 3,
            "failureThreshold": 3,
        },
    }


def _program(program: UserContainer, secrets: list[dict[str, Any]]) -> dict[str, Any]:
    first, *rest = program.command or ("",)
    port = {"port": program.port}
    probe = {"httpGet": {"path": program.health, **port}} if program.health else {"tcpSocket": port}
    return {
        "name": PROGRAM_CONTAINER,
        "image": program.image,
        **({"commands": [first], "args": rest} if first else {}),
        "envs": [*({"name": k, "value": v} for k, v in sorted(program.env.items())), *secrets],
        "resources": _resources(program_cpu(program), program.memory_mb),
        "startupProbe": {
            **probe,
            "periodSeconds": 5,
            "timeoutSeconds": 3,
            "failureThreshold": 12,
        },
    }


def _resources(cpu: float, memory_mb: int) -> dict[str, Any]:
    return {
        "limits": {"cpu": f"{cpu:g}", "memory": f"{memory_mb}Mi"},
        "cpuIdle": False,
        "startupCpuBoost": True,
    }


def _secrets(args: CloudRunArgs, secrets: Mapping[str, str]) -> list[dict[str, Any]]:
    versions = {variable: version_parts(name) for variable, name in sorted(secrets.items())}
    return [
        {
            "name": variable,
            "valueSource": {
                "secretKeyRef": {
                    # The cloud returns the bare name for its own project; another form is a diff.
                    "secret": name
                    if project == args.location.project
                    else f"projects/{project}/secrets/{name}",
                    "version": number,
                }
            },
        }
        for variable, (project, name, number) in versions.items()
    ]
