"""The load balancer before the tasks: TLS, redirect, draining, and who may open a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.cloud_resource import CloudResource
from ..mcp.era import has_sessions
from ..mcp.server_config import HTTP
from ..mcp.timeout_budget import Distance
from .container_checks import OUT
from .identity import physical
from .network import Allowed, called, let_in, let_out, security_group

if TYPE_CHECKING:
    from .container import EcsFargate, EcsFargateArgs

LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
EVERYONE = "0.0.0.0/0"
TLS_POLICIES = {
    "1.3": "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "1.2": "ELBSecurityPolicy-TLS13-1-2-2021-06",
}
SESSION_SECONDS = 3600
"""How long a client's cookie leads to the same task after its last request."""


class EcsDoor:
    """A load balancer whose listeners the tasks' service waits for."""

    def __init__(self, owner: EcsFargate, args: EcsFargateArgs) -> None:
        self.owner = owner
        self.args = args
        self.group = security_group(
            owner,
            args.location,
            args.network,
            "door",
            purpose="The load balancer: TLS from clients",
        )
        self.tasks = security_group(
            owner, args.location, args.network, "tasks", purpose="The tasks: from the load balancer"
        )
        self._flows()
        self.balancer = self._balancer()
        self.targets = self._targets()
        self.listener = self._listeners()

    def _flows(self) -> None:
        inside = self.args.allowed_from or [self.args.network.vpc_cidr]
        clients = [EVERYONE] if self.args.public else inside
        for cidr in clients:
            for name, port in {"tls": 443, "redirect": 80}.items():
                allowed = Allowed(port, f"{name} from clients", cidr=cidr)
                let_in(self.owner, f"door-{name}-from-{called(cidr)}", self.group, allowed)
        to_tasks = Allowed(HTTP, "MCP to the tasks", group=self.tasks.output("id"))
        let_out(self.owner, "door-to-tasks", self.group, to_tasks)
        from_door = Allowed(HTTP, "MCP from the load balancer", group=self.group.output("id"))
        let_in(self.owner, "tasks-from-door", self.tasks, from_door)
        outside = Allowed(OUT, "Keys of the issuer, image, secrets, logs, state", cidr=EVERYONE)
        let_out(self.owner, "tasks-out", self.tasks, outside)

    def _balancer(self) -> CloudResource:
        args, network = self.args, self.args.network
        logs = {"bucket": args.access_logs_bucket, "enabled": True, "prefix": self.owner.name}
        return CloudResource(
            LOAD_BALANCER,
            self.owner.named("door"),
            {
                "name": physical(LOAD_BALANCER, self.owner, args.location),
                "loadBalancerType": "application",
                "internal": not args.public,
                "subnets": list(network.public_subnets if args.public else network.private_subnets),
                "securityGroups": [self.group.output("id")],
                "idleTimeout": args.config.budget.at(Distance.GATEWAY).timeout,
                "dropInvalidHeaderFields": True,
                "desyncMitigationMode": "strictest",
                "enableDeletionProtection": args.protect,
                "accessLogs": logs if args.access_logs_bucket else None,
            },
            outputs=("arn", "arnSuffix", "dnsName"),
            opts=self.owner.owned(),
        )

    def _targets(self) -> CloudResource:
        args = self.args
        return CloudResource(
            TARGET_GROUP,
            self.owner.named("targets"),
            {
                "name": physical(TARGET_GROUP, self.owner, args.location),
                "vpcId": args.network.vpc,
                "targetType": "ip",
                "port": HTTP,
                "protocol": "HTTP",
                # A stream counts for as long as it is open; taking turns would not see it.
                "loadBalancingAlgorithmType": "least_outstanding_requests",
                "deregistrationDelay": args.config.budget.at(Distance.GATEWAY).drain,
                "healthCheck": {
                    "path": "/health",
                    "protocol": "HTTP",
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
        CloudResource(
            LISTENER,
            self.owner.named("redirect"),
            {
                "loadBalancerArn": arn,
                "port": 80,
                "protocol": "HTTP",
                "defaultActions": [
                    {
                        "type": "redirect",
                        "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"},
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
                "port": 443,
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
