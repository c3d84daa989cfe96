"""The server as a Cloud Run service of Google Cloud: one image, as many instances as are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pulumi

from ..base.arg_types import Image
from ..base.cloud_resource import CloudResource
from ..base.limits import refuse
from ..base.problems import Problem
from ..mcp.era import has_sessions
from ..mcp.server_config import HTTP, PROGRAM, CloudServerConfig
from ..mcp.server_toml import CONFIG_VARIABLE, environment_toml
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import Distance
from .checks import problems
from .facts import CLOUD_RUN_TIMEOUT
from .identity import (
    GcpAccess,
    account,
    interfaces,
    kept_logs,
    kept_state,
    may_call,
    may_read,
    physical,
    version_of,
)
from .location import GcpLocation

_SERVICE: Final = "gcp:cloudrunv2/service:Service"
_PROCESSORS: Final = ("1", "2", "4", "6", "8")
_INGRESS: Final = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-load-balancer": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}


@dataclass(frozen=True, kw_only=True)
class CloudRunArgs:
    """What a Cloud Run service needs to know.

    Attributes:
        location: where it is put.
        image: the reference server, or one that reads the same configuration.
        config: the server's configuration; the time of a request follows from its budget.
        access: who may call it.
        secrets: what the server reads from its environment: by variable, one version of a secret,
            ``projects/<project>/secrets/<name>/versions/<number>``.
        cpu, memory: of an instance; its processor is never taken away between requests.
        concurrency: requests at once to an instance.
        min_instances, max_instances: how many are kept, and how many there may be.
        log_days: how long logs are kept.
        protect: refuse to delete the service and what holds sessions.
    """

    location: GcpLocation
    image: pulumi.Input[Image]
    config: CloudServerConfig
    access: GcpAccess
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    cpu: str = "1"
    memory: str = "512Mi"
    concurrency: int = 100
    min_instances: int = 1
    max_instances: int = 10
    log_days: int = 30
    protect: bool = False


class CloudRun(McpTarget[CloudRunArgs]):
    """A service (2nd generation environment) with an identity of its own."""

    args_type = CloudRunArgs

    def build(self, args: CloudRunArgs) -> None:
        config, location = replace(args.config, name=self.name), args.location
        timeout = config.budget.at(Distance.GATEWAY).timeout
        refuse([*problems(args, CLOUD_RUN_TIMEOUT), *_size_problems(args)])
        name = physical(_SERVICE, self, location)
        server = account(self, location, "run", purpose="what the service may do")
        state, kept = kept_state(self, location, server, config.era, protect=args.protect)
        variables: dict[str, Any] = {CONFIG_VARIABLE: environment_toml(config, state=state)}
        service = CloudResource(
            _SERVICE,
            self.named("service"),
            {
                "project": location.project,
                "location": location.region,
                "name": name,
                "ingress": _INGRESS[args.access.ingress],
                "invokerIamDisabled": False,
                "deletionProtection": args.protect,
                "template": {
                    "serviceAccount": server.output("email"),
                    "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
                    "timeout": f"{timeout}s",
                    "maxInstanceRequestConcurrency": args.concurrency,
                    # By a cookie, which a client may not keep: the state is what is sure.
                    "sessionAffinity": has_sessions(config.era),
                    "scaling": {
                        "minInstanceCount": args.min_instances,
                        "maxInstanceCount": args.max_instances,
                    },
                    "containers": [_container(args, variables)],
                    **_network(location),
                },
                "traffics": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
            },
            outputs=("uri",),
            opts=self.owned(
                depends_on=[*may_read(self, server, args.secrets), *kept],
                protect=args.protect,
            ),
        )
        may_call(self, location, service.output("name"), args.access)
        kept_logs(self, location, name, days=args.log_days)
        base = f"https://{config.domain}" if config.domain else service.output("uri")
        self.answers_at(base, issuer=config.auth.issuer, era=config.era)


def _size_problems(args: CloudRunArgs) -> list[Problem]:
    if args.cpu in _PROCESSORS:
        return []
    return [
        Problem(
            "cpu",
            f"is {args.cpu}, and processors that stay are {', '.join(_PROCESSORS)}",
            "the cloud refuses it (Cloud Run, CPU limits)",
            "set it to 1",
        )
    ]


def _container(args: CloudRunArgs, variables: Mapping[str, Any]) -> dict[str, Any]:
    health = {"httpGet": {"path": "/health", "port": HTTP}}
    versions = {variable: version_of(name) for variable, name in sorted(args.secrets.items())}
    secret = [
        {
            "name": variable,
            "valueSource": {
                "secretKeyRef": {
                    # Of the own project the cloud gives back the bare name: another is a change.
                    "secret": name
                    if project == args.location.project
                    else f"projects/{project}/secrets/{name}",
                    "version": number,
                }
            },
        }
        for variable, (project, name, number) in versions.items()
    ]
    return {
        "name": "server",
        "image": args.image,
        "commands": [PROGRAM],
        "ports": {"name": "http1", "containerPort": HTTP},
        "envs": [*({"name": key, "value": value} for key, value in variables.items()), *secret],
        "resources": {
            "limits": {"cpu": args.cpu, "memory": args.memory},
            "cpuIdle": False,
            "startupCpuBoost": True,
        },
        # The times are the source documents'.
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


def _network(location: GcpLocation) -> dict[str, Any]:
    """Private addresses through the location's network, all others straight out."""
    through = interfaces(location)
    access = {"egress": "PRIVATE_RANGES_ONLY", "networkInterfaces": through}
    return {"vpcAccess": access} if through else {}
