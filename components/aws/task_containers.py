"""The containers of an ECS task: the reverse proxy, and a user's image behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from ..mcp.cloud_database import AUTHORITY_VARIABLE
from ..mcp.otlp import TOKEN_VARIABLE
from ..mcp.server_config import HTTPS, PROGRAM
from ..mcp.server_names import CONFIG_VARIABLE
from ..mcp.timeout_budget import STEP, Distance
from ..mcp.user_container import UserContainer
from .container_args import CPU_UNITS, EcsFargateArgs

CONTAINER: Final = "mcp-server"
PROGRAM_CONTAINER: Final = "program"
MIGRATION_CONTAINER: Final = "migration"
NOBODY: Final = "65534:65534"
HEALTH_COMMAND: Final = ("CMD", PROGRAM, "--health-check")
"""Reads the same configuration as the server, and asks its port without TLS."""
TEMPORARY: Final = "/tmp"  # noqa: S108  (a mount of the container's own)
TEMPORARY_MB: Final = 64
"""Most MiB in each writable directory."""


def task_containers(
    args: EcsFargateArgs, settings: pulumi.Input[str], logs: pulumi.Input[str]
) -> list[dict[str, Any]]:
    """The containers of a task, the server first.

    Args:
        args: the component's.
        settings: server.toml.
        logs: name of the log group.
    """
    logging = _logging(args, logs)
    server = _server(args, settings, logging)
    if args.database and args.database_authority:
        given = {**args.secrets, AUTHORITY_VARIABLE: args.database_authority, **otlp_token(args)}
        first = [{"containerName": MIGRATION_CONTAINER, "condition": "SUCCESS"}]
        return [
            {**server, "secrets": _secrets(given), "dependsOn": first},
            _migration(args, settings, logging),
        ]
    if args.upstream is None:
        return [{**server, "secrets": _secrets({**args.secrets, **otlp_token(args)})}]
    # The other way round when the task stops: the program ends after the server's last call.
    waits = [{"containerName": PROGRAM_CONTAINER, "condition": "START"}]
    return [
        {**server, **_own_secrets(otlp_token(args)), "dependsOn": waits},
        _program(args.upstream, args.secrets, logging),
    ]


def _server(
    args: EcsFargateArgs, settings: pulumi.Input[str], logging: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": args.image,
        "essential": True,
        "user": NOBODY,
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
        "portMappings": [{"containerPort": HTTPS, "protocol": "tcp"}],
        "environment": [{"name": CONFIG_VARIABLE, "value": settings}],
        "logConfiguration": logging,
        "healthCheck": {
            "command": HEALTH_COMMAND,
            "interval": 30,
            "timeout": 5,
            "retries": 3,
            "startPeriod": 60,
        },
        "stopTimeout": args.config.budget.at(Distance.SERVER).drain + STEP,
    }


def _migration(
    args: EcsFargateArgs, settings: pulumi.Input[str], logging: Mapping[str, Any]
) -> dict[str, Any]:
    """Brings the schema to the server's version and ends; tasks that start together take turns."""
    authority = {AUTHORITY_VARIABLE: str(args.database_authority)}
    return {
        "name": MIGRATION_CONTAINER,
        "image": args.image,
        "essential": False,
        "user": NOBODY,
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
        "entryPoint": [PROGRAM],
        "command": ["migrate"],
        "environment": [{"name": CONFIG_VARIABLE, "value": settings}],
        "secrets": _secrets(authority),
        "logConfiguration": logging,
        "stopTimeout": args.config.budget.at(Distance.SERVER).drain + STEP,
    }


def _program(
    program: UserContainer, secrets: Mapping[str, str], logging: Mapping[str, Any]
) -> dict[str, Any]:
    """The user's image. Its health is what the server's /ready says: it may have no shell."""
    first, *rest = program.command or ("",)
    return {
        "name": PROGRAM_CONTAINER,
        "image": program.image,
        "essential": True,
        "user": f"{program.user}:{program.user}" if program.user else NOBODY,
        "readonlyRootFilesystem": True,
        "cpu": round(program.cpu * CPU_UNITS),
        "memory": program.memory_mb,
        "linuxParameters": {
            "capabilities": {"drop": ["ALL"]},
            "tmpfs": [
                {"containerPath": path, "size": TEMPORARY_MB, "mountOptions": ["nosuid", "nodev"]}
                for path in dict.fromkeys((TEMPORARY, *program.writable))
            ],
        },
        **({"entryPoint": [first], "command": rest} if first else {}),
        "environment": [{"name": k, "value": v} for k, v in sorted(program.env.items())],
        "secrets": _secrets(secrets),
        "logConfiguration": logging,
    }


def otlp_token(args: EcsFargateArgs) -> dict[str, str]:
    """The secret with the token for the receiver of OTLP, by environment variable."""
    token = args.otlp.token if args.otlp else None
    return {TOKEN_VARIABLE: token} if token else {}


def _own_secrets(secrets: Mapping[str, str]) -> dict[str, Any]:
    return {"secrets": _secrets(secrets)} if secrets else {}


def _secrets(secrets: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": variable, "valueFrom": arn} for variable, arn in sorted(secrets.items())]


def _logging(args: EcsFargateArgs, logs: pulumi.Input[str]) -> dict[str, Any]:
    return {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": logs,
            "awslogs-region": args.location.region,
            "awslogs-stream-prefix": "ecs",
            # A log that cannot be written must not stop calls.
            "mode": "non-blocking",
            "max-buffer-size": "25m",
        },
    }
