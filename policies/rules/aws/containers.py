"""Required settings of tasks, their network and their load balancer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from components.aws.limits import ALB_DRAIN, ALB_IDLE

from ...finding import Severity
from ...rule import Required
from .reverse_proxies import health_is_seen
from .types import (
    BALANCER,
    CLUSTER,
    GROUP,
    IN,
    OUT,
    SERVICE,
    TARGETS,
    TASK,
    containers,
    description,
    must,
    named,
    within,
)


def _each_container(holds: Callable[[dict[str, Any]], bool]) -> Callable[[Any], bool]:
    return lambda value: all(holds(container) for container in containers(value))


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
            "aws-ec2-001",
            Severity.HIGH,
            "EC2 API Reference, CreateSecurityGroup",
            token,
            "description",
            description,
            f"AWS refuses it ({source})",
            "up to 255 letters, digits, spaces and . _-:/()#,@[]+=&;{}!$*",
            safe_default=True,
        )
        for token, source in _DESCRIBED.items()
    ),
    must(
        "aws-ecs-001",
        Severity.LOW,
        "AWS Security Hub ECS.12",
        CLUSTER,
        "settings[*].value",
        ("enabled", "enhanced"),
        "the tasks' use of CPU and memory is not recorded",
        "set containerInsights to enabled",
    ),
    must(
        "aws-ecs-002",
        Severity.HIGH,
        "AWS Security Hub ECS.5",
        TASK,
        "containerDefinitions",
        _each_container(lambda each: each.get("readonlyRootFilesystem") is True),
        "an attacker who takes over the server could change its program",
        "set readonlyRootFilesystem to true",
    ),
    must(
        "aws-ecs-003",
        Severity.MEDIUM,
        "AWS Security Hub ECS.20",
        TASK,
        "containerDefinitions",
        _each_container(_without_root),
        "an attacker who takes over the server would be root in the task",
        "set user to 65534:65534",
    ),
    must(
        "aws-ecs-004",
        Severity.HIGH,
        "AWS Security Hub ECS.4",
        TASK,
        "containerDefinitions",
        _each_container(lambda each: not each.get("privileged")),
        "the container may do anything, and Fargate refuses it",
        "leave privileged out",
    ),
    must(
        "aws-ecs-005",
        Severity.MEDIUM,
        "AWS Security Hub ECS.9",
        TASK,
        "containerDefinitions",
        _each_container(lambda each: "logConfiguration" in each),
        "the server's logs are lost",
        "set logConfiguration",
    ),
    must(
        "aws-ecs-006",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/healthcheck.html",
        TASK,
        "containerDefinitions",
        health_is_seen,
        "a server that hangs is never replaced",
        "set healthCheck, or [upstream] in the configuration of the server in front of it",
        house=True,
    ),
    must(
        "aws-ecs-007",
        Severity.HIGH,
        "AWS Security Hub ECS.8",
        TASK,
        "containerDefinitions",
        _each_container(_no_secret_in_clear),
        "everyone with the right to describe the task can read it",
        "move the variable to secrets",
    ),
    must(
        "aws-ecs-008",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html",
        TASK,
        "networkMode",
        ("awsvpc",),
        "Fargate has no other",
        "write awsvpc",
        house=True,
    ),
    must(
        "aws-ecs-009",
        Severity.HIGH,
        "AWS Security Hub ECS.2",
        SERVICE,
        "networkConfiguration.assignPublicIp",
        (False,),
        "clients could connect to a task without the load balancer",
        "set it to false",
        safe_default=True,
    ),
    must(
        "aws-ecs-010",
        Severity.LOW,
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html",
        SERVICE,
        "deploymentCircuitBreaker.rollback",
        (True,),
        "a version that does not start is retried without end",
        "set enable and rollback to true",
        house=True,
    ),
    must(
        "aws-elb-001",
        Severity.MEDIUM,
        "AWS Security Hub ELB.4",
        BALANCER,
        "dropInvalidHeaderFields",
        (True,),
        "a request can be smuggled past it",
        "set it to true",
    ),
    must(
        "aws-elb-002",
        Severity.MEDIUM,
        ALB_IDLE.source,
        BALANCER,
        "idleTimeout",
        within(ALB_IDLE),
        f"AWS refuses it ({ALB_IDLE.source})",
        "1 to 4000 s",
        safe_default=True,
    ),
    must(
        "aws-elb-003",
        Severity.MEDIUM,
        ALB_DRAIN.source,
        TARGETS,
        "deregistrationDelay",
        within(ALB_DRAIN),
        f"AWS refuses it ({ALB_DRAIN.source})",
        "set 0 to 3600 s",
        safe_default=True,
    ),
    must(
        "aws-elb-004",
        Severity.MEDIUM,
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html",
        TARGETS,
        "protocol",
        ("HTTPS", "TLS"),
        "tokens are sent unencrypted between the load balancer and the tasks",
        "write HTTPS: the load balancer accepts a self-signed certificate",
    ),
    must(
        "aws-elb-005",
        Severity.LOW,
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html",
        TARGETS,
        "healthCheck.path",
        named,
        "tasks that cannot serve are sent requests",
        "write /health",
        house=True,
    ),
)
