"""What tasks, their load balancer, databases and caches are required to be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from components.aws.facts import ALB_DRAIN, ALB_IDLE, RDS_BACKUPS

from ..rule import Required
from .aws_types import (
    BALANCER,
    CACHE,
    CLUSTER,
    DATABASE,
    GROUP,
    IN,
    OUT,
    PARAMETERS,
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


def _forces_tls(parameters: Any) -> bool:
    return {"name": "rds.force_ssl", "value": "1"} in parameters


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
        "nobody sees what the tasks use",
        "set containerInsights to enabled",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(lambda each: each.get("readonlyRootFilesystem") is True),
        "whoever takes over the server may change its program",
        "set readonlyRootFilesystem to true",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(_without_root),
        "whoever takes over the server is root in the task",
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
        "what the server writes is lost",
        "set logConfiguration",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(lambda each: "healthCheck" in each),
        "a server that hangs is never replaced",
        "set healthCheck",
    ),
    must(
        TASK,
        "containerDefinitions",
        _each_container(_no_secret_in_clear),
        "everyone who may describe the task reads it",
        "move the variable to secrets",
    ),
    must(TASK, "networkMode", ("awsvpc",), "Fargate has no other", "write awsvpc"),
    must(
        SERVICE,
        "networkConfiguration.assignPublicIp",
        (False,),
        "a task could be reached beside the load balancer",
        "set it to false",
    ),
    must(
        SERVICE,
        "deploymentCircuitBreaker.rollback",
        (True,),
        "a version that does not start is tried for ever",
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
        "healthCheck.path",
        named,
        "tasks that cannot serve are sent requests",
        "write /health",
    ),
    must(DATABASE, "storageEncrypted", (True,), "data is stored in clear", "set it to true"),
    must(
        DATABASE,
        "publiclyAccessible",
        (False,),
        "the database gets an address on the internet",
        "set it to false",
    ),
    must(
        DATABASE,
        "manageMasterUserPassword",
        (True,),
        "somebody has to think up a password, and it is in the state",
        "set it to true, and leave password out",
    ),
    must(
        DATABASE,
        "backupRetentionPeriod",
        within(RDS_BACKUPS),
        "there is no backup, or AWS refuses the number",
        "1 to 35 days",
    ),
    must(
        DATABASE,
        "skipFinalSnapshot",
        (False,),
        "a deleted database is gone",
        "set it to false",
    ),
    must(
        PARAMETERS,
        "parameters",
        _forces_tls,
        "passwords and data may cross the network in clear",
        "set rds.force_ssl to 1",
    ),
    must(
        CACHE,
        "transitEncryptionEnabled",
        (True,),
        "passwords and data cross the network in clear",
        "set it to true",
    ),
    must(CACHE, "atRestEncryptionEnabled", (True,), "snapshots are in clear", "set it to true"),
    must(
        CACHE,
        "userGroupIds[*]",
        named,
        "everyone who reaches it is let in",
        "set the group of its users",
    ),
    must(
        CACHE,
        "snapshotRetentionLimit",
        within(RDS_BACKUPS),
        "there is no backup, or AWS refuses the number",
        "1 to 35 days",
    ),
)
