"""The load balancer of EcsFargate: TLS, redirect, draining, and the security groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..base.platform_addresses import EVERYWHERE
from ..mcp.era import has_sessions
from ..mcp.server_config import HTTPS
from ..mcp.timeout_budget import Distance
from .access_logs import Writer, access_log_bucket
from .container_args import EcsFargateArgs
from .naming import physical_name
from .network import (
    TLS,
    Allowed,
    allow_egress,
    allow_ingress,
    allow_outside,
    cidr_in_name,
    security_group,
)
from .otlp import allow_receiver

LOAD_BALANCER: Final = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP: Final = "aws:lb/targetGroup:TargetGroup"
LISTENER: Final = "aws:lb/listener:Listener"
WEB_ACL: Final = "aws:wafv2/webAclAssociation:WebAclAssociation"
CLEAR: Final = 80
"""The port that leads to the one with TLS."""
TLS_POLICIES: Final = {
    "1.3": "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "1.2": "ELBSecurityPolicy-TLS13-1-2-2021-06",
}
SESSION_SECONDS: Final = 3600
"""Seconds after its last request that a client's cookie leads to the same task."""


FORMER_ROLE: Final = "_door".lstrip("_")
"""The role's name in URNs and in the security group's name until 0.1.0.

Aliases keep the URNs. AWS replaces a security group whose name changes, so that its name stays.
"""


class EcsLoadBalancer:
    """A load balancer with its target group; the service of the tasks waits for its listener."""

    def __init__(self, owner: Component[Any], args: EcsFargateArgs) -> None:
        self.owner = owner
        self.args = args
        self.group = security_group(
            owner,
            args.location,
            args.network,
            "load-balancer-group",
            purpose="The load balancer: TLS from clients",
            name=FORMER_ROLE,
            aliases=_former(owner, "load-balancer-group"),
        )
        self.tasks = security_group(
            owner,
            args.location,
            args.network,
            "tasks-group",
            purpose="The tasks: from the load balancer",
            name="tasks",
        )
        self._flows()
        self.balancer = self._balancer()
        self.targets = self._targets()
        self.listener = self._listeners()

    def _flows(self) -> None:
        access, owner = self.args.access, self.owner
        inside = access.allowed_networks or [self.args.network.vpc_cidr]
        for cidr in [EVERYWHERE[0]] if access.public else inside:
            for name, port in self._ports().items():
                role = f"load-balancer-{name}-from-{cidr_in_name(cidr)}"
                allowed = Allowed(port, f"{name} from clients", cidr=cidr)
                allow_ingress(owner, role, self.group, allowed, aliases=_former(owner, role))
        role = "load-balancer-to-tasks"
        to_tasks = Allowed(HTTPS, "MCP to the tasks", group=self.tasks.output("id"))
        allow_egress(owner, role, self.group, to_tasks, aliases=_former(owner, role))
        role = "tasks-from-load-balancer"
        to_server = Allowed(HTTPS, "MCP from the load balancer", group=self.group.output("id"))
        allow_ingress(owner, role, self.tasks, to_server, aliases=_former(owner, role))
        purpose = "Keys of the issuer, image, secrets, logs, state"
        allow_outside(owner, "tasks", self.tasks, self.args.network.egress, purpose)
        allow_receiver(owner, "tasks", self.tasks, self.args.otlp, self.args.network)
        if database := self.args.database:
            vpc = self.args.network.vpc_cidr
            to_database = Allowed(database.port, "PostgreSQL in the VPC", cidr=vpc)
            allow_egress(owner, "tasks-to-database", self.tasks, to_database)

    def _ports(self) -> dict[str, int]:
        return {"tls": TLS, **({"redirect": CLEAR} if self.args.http_redirect else {})}

    def _balancer(self) -> CloudResource:
        args, network = self.args, self.args.network
        bucket, waits = self._access_logs()
        logs = {"bucket": bucket, "enabled": True, "prefix": self.owner.name}
        balancer = CloudResource(
            LOAD_BALANCER,
            self.owner.named("load-balancer"),
            {
                "name": physical_name(LOAD_BALANCER, self.owner, args.location),
                "loadBalancerType": "application",
                "internal": not args.access.public,
                "subnets": list(
                    network.public_subnets if args.access.public else network.private_subnets
                ),
                "securityGroups": [self.group.output("id")],
                "idleTimeout": args.config.budget.at(Distance.GATEWAY).timeout,
                "dropInvalidHeaderFields": True,
                "desyncMitigationMode": "strictest",
                "enableDeletionProtection": args.protect,
                "accessLogs": logs if bucket else None,
            },
            outputs=("arn", "arnSuffix", "dnsName"),
            opts=self.owner.owned(aliases=_former(self.owner, "load-balancer"), depends_on=waits),
        )
        if args.web_acl:
            CloudResource(
                WEB_ACL,
                self.owner.named("web-acl"),
                {"resourceArn": balancer.output("arn"), "webAclArn": args.web_acl},
                opts=self.owner.owned(),
            )
        return balancer

    def _access_logs(self) -> tuple[pulumi.Input[str] | None, Sequence[pulumi.Resource]]:
        """The bucket for access logs, and what must exist before AWS writes to it."""
        args = self.args
        if not args.access_log_days:
            return args.access_logs_bucket, []
        bucket = access_log_bucket(
            self.owner,
            args.location,
            Writer.LOAD_BALANCER,
            days=args.access_log_days,
            protect=args.protect,
        )
        return bucket.resource.output("id"), bucket.ready

    def _targets(self) -> CloudResource:
        args = self.args
        return CloudResource(
            TARGET_GROUP,
            self.owner.named("targets"),
            {
                # A name of its own: it replaced a group of another protocol, and both exist for a
                # while.
                "name": physical_name(TARGET_GROUP, self.owner, args.location, "tls"),
                "vpcId": args.network.vpc,
                "targetType": "ip",
                "port": HTTPS,
                # The load balancer encrypts, and verifies no certificate of a target.
                "protocol": "HTTPS",
                # An open stream counts as a request; round robin would ignore it.
                "loadBalancingAlgorithmType": "least_outstanding_requests",
                "deregistrationDelay": args.config.budget.at(Distance.GATEWAY).drain,
                "healthCheck": {
                    # /ready fails while a user's image does not answer; it has no other check.
                    "path": "/ready" if args.upstream else "/health",
                    "protocol": "HTTPS",
                    "matcher": "200",
                    "interval": 15,
                    "timeout": 5,
                    "healthyThreshold": 2,
                    "unhealthyThreshold": 3,
                },
                "stickiness": {
                    "type": "lb_cookie",
                    "enabled": has_sessions(args.config.era),
                    "cookieDuration": SESSION_SECONDS,
                },
            },
            outputs=("arn", "arnSuffix"),
            opts=self.owner.owned(),
        )

    def _listeners(self) -> CloudResource:
        arn = self.balancer.output("arn")
        if self.args.http_redirect:
            CloudResource(
                LISTENER,
                self.owner.named("redirect"),
                {
                    "loadBalancerArn": arn,
                    "port": CLEAR,
                    "protocol": "HTTP",
                    "defaultActions": [
                        {
                            "type": "redirect",
                            "redirect": {
                                "protocol": "HTTPS",
                                "port": str(TLS),
                                "statusCode": "HTTP_301",
                            },
                        }
                    ],
                },
                opts=self.owner.owned(),
            )
        return CloudResource(
            LISTENER,
            self.owner.named("tls"),
            {
                "loadBalancerArn": arn,
                "port": TLS,
                "protocol": "HTTPS",
                "sslPolicy": TLS_POLICIES[self.args.tls_minimum],
                "certificateArn": self.args.certificate,
                "routingHttpResponseStrictTransportSecurityHeaderValue": "max-age=31536000",
                "routingHttpResponseServerEnabled": False,
                "defaultActions": [
                    {"type": "forward", "targetGroupArn": self.targets.output("arn")}
                ],
            },
            opts=self.owner.owned(),
        )


def _former(owner: Component[Any], role: str) -> list[pulumi.Alias]:
    """The logical name that a resource had until 0.1.0."""
    return [pulumi.Alias(name=owner.named(role.replace("load-balancer", FORMER_ROLE)))]
