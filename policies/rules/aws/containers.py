"""Required settings of tasks, their network and their load balancer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from components.aws.limits import ALB_DRAIN, ALB_IDLE

from ...rule import Required
from .fronts import health_is_seen
from .types import (
    BALANCER,
    CLUSTER,
    GROUP,
    IN,
    OUT,
    SERVICE,
    TARGETS,
    TASK,
    description,
    must,
    named,
    within,
)


def _each_container(holds: Callable[[dict[str, Any]], bool]) -> Callable[[Any], bool]:
    return lambda value: all(holds(container) for container in json.loads(value))


def _without_root(container: dict[str, Any]) -> bool:
    return str(container.get("user", "0")).partition(":")[0] not in ("0", "root", "")


def _no_secret_in_clear(container: dict[str, Any]) -> bool:
    telling = ("PASSWORD", "SECRET", "TOKEN", "KEY")
    return not any(
        variable["name"].endswith(telling) for variable in container.get("environment", ())
    )


_DESCRIBED: Final = {
    GROUP: "EC2 API Reference, CreateSecurityGroup",
    IN: "EC2 API Reference, IpRange",
    OUT: "EC2 API Reference, IpRange",
}

REQUIRED: Final[tuple[Required, ...]] = (
    *(
        must(
            token,
            "description",
            description,
            f"AWS refuses it ({source})",
            "up to 255 letters, digits, spaces and . _-:/()#,@[]+=&;{}!$*",
        )
        for token, source in _DESCRIBED.items()
    ),
    must(
        CLUSTER,
        "settings[*].value",
        ("enabled", "enhanced"),
        "the tasks' use of CPU and memory is not recorded",
        "set containerInsights to enabled",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(lambda each: each.get("readonlyRootFilesystem") is True),
        "an attacker who takes over the server could change its program",
        "set readonlyRootFilesystem to true",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(_without_root),
        "an attacker who takes over the server would be root in the task",
        "set user to 65534:65534",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(lambda each: not each.get("privileged")),
        "the container may do anything, and Fargate refuses it",
        "leave privileged out",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(lambda each: "logConfiguration" in each),
        "the server's logs are lost",
        "set logConfiguration",
    ),
    must(
        TASK,
        "containerDefinitions",
        health_is_seen,
        "a server that hangs is never replaced",
        "set healthCheck, or [upstream] in the configuration of the server in front of it",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(_no_secret_in_clear),
        "everyone with the right to describe the task can read it",
        "move the variable to secrets",
    ),
    must(TASK, "networkMode", ("awsvpc",), "Fargate has no other", "write awsvpc"),
    must(
        SERVICE,
        "networkConfiguration.assignPublicIp",
        (False,),
        "clients could connect to a task without the load balancer",
        "set it to false",
    ),
    must(
        SERVICE,
        "deploymentCircuitBreaker.rollback",
        (True,),
        "a version that does not start is retried without end",
        "set enable and rollback to true",
    ),
    must(
        BALANCER,
        "dropInvalidHeaderFields",
        (True,),
        "a request can be smuggled past it",
        "set it to true",
    ),
    must(
        BALANCER,
        "idleTimeout",
        within(ALB_IDLE),
        f"AWS refuses it ({ALB_IDLE.source})",
        "1 to 4000 s",
    ),
    must(
        TARGETS,
        "deregistrationDelay",
        within(ALB_DRAIN),
        f"AWS refuses it ({ALB_DRAIN.source})",
        "0 to 3600 s",
    ),
    must(
        TARGETS,
        "protocol",
        ("HTTPS", "TLS"),
        "tokens are sent unencrypted between the load balancer and the tasks",
        "write HTTPS: the load balancer accepts a self-signed certificate",
    ),
    must(
        TARGETS,
        "healthCheck.path",
        named,
        "tasks that cannot serve are sent requests",
        "write /health",
    ),
)
