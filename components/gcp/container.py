"""The server as a Cloud Run service of Google Cloud."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..mcp.era import has_sessions
from ..mcp.timeout_budget import Distance
from .container_args import CloudRunArgs
from .location import GcpLocation
from .network import network_interfaces
from .run_containers import run_containers
from .server import GcpServer

_INGRESS: Final = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-load-balancer": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}


class CloudRun(GcpServer[CloudRunArgs]):
    """A service (2nd generation environment) with its service account, session store and logs."""

    args_type = CloudRunArgs
    RESOURCE_TYPE: ClassVar = "gcp:cloudrunv2/service:Service"
    NOUN: ClassVar = "service"

    def service(
        self,
        args: CloudRunArgs,
        name: str,
        account: CloudResource,
        variables: dict[str, Any],
        waits: Sequence[pulumi.Resource],
    ) -> tuple[CloudResource, pulumi.Output[str]]:
        service = CloudResource(
            self.RESOURCE_TYPE,
            self.named("service"),
            {
                "project": args.location.project,
                "location": args.location.region,
                "name": name,
                "ingress": _INGRESS[args.access.ingress],
                "invokerIamDisabled": False,
                "deletionProtection": args.protect,
                "template": {
                    "serviceAccount": account.output("email"),
                    **({"encryptionKey": args.kms_key} if args.kms_key else {}),
                    "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
                    "timeout": f"{args.config.budget.at(Distance.GATEWAY).timeout}s",
                    "maxInstanceRequestConcurrency": args.concurrency,
                    # By a cookie, which a client may ignore: the session store is what counts.
                    "sessionAffinity": has_sessions(args.config.era),
                    "scaling": {
                        "minInstanceCount": args.min_instances,
                        "maxInstanceCount": args.max_instances,
                    },
                    "containers": run_containers(args, variables),
                    **_network(args.location),
                },
                "traffics": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
            },
            outputs=("uri",),
            opts=self.owned(depends_on=waits, protect=args.protect),
        )
        return service, service.output("uri")


def _network(location: GcpLocation) -> dict[str, Any]:
    """Private addresses through the VPC, all others directly."""
    through = network_interfaces(location)
    access = {"egress": "PRIVATE_RANGES_ONLY", "networkInterfaces": through}
    return {"vpcAccess": access} if through else {}
