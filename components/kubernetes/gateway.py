"""The gateway of a platform: terminates TLS, limits rates and forwards MCP to an upstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi

from ..base.arg_forms import kubernetes_name
from ..base.kubernetes_object import Manifest
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import Distance
from .container import Container, Port
from .gateway_args import GatewayArgs, GatewayEngine
from .gateway_metrics import GatewayMetrics, exporter
from .gateway_programs import HTTP, HTTPS, gateway_program, gateway_secrets, metrics_port
from .nginx_conf import nginx_conf
from .rate_limits import RateLimit, RateLimits
from .resources import Resources
from .upstream import Upstream
from .workload import Workload, WorkloadArgs

__all__ = [
    "Gateway",
    "GatewayArgs",
    "GatewayEngine",
    "GatewayMetrics",
    "RateLimit",
    "RateLimits",
    "Upstream",
    "nginx_conf",
]

SIDECAR_RESOURCES = Resources(cpu="50m", memory="64Mi", cpu_limit="500m", memory_limit="256Mi")
"""For the gateway's container in the pods of a monolith."""


class Gateway(McpTarget[GatewayArgs]):
    """Pods of the gateway and their Service."""

    args_type = GatewayArgs
    name_form = kubernetes_name(46)  # leaves room for the volume -etc-internal-ca

    def build(self, args: GatewayArgs) -> None:
        workload = Workload(self.name, gateway_workload(self.name, args), opts=self.owned())
        base = public_address(args.domain, workload)
        self.answers_at(base, issuer=args.issuer, era=args.era)

    @classmethod
    def manifests(cls, name: str, args: GatewayArgs) -> list[Manifest]:
        """Every object that a gateway of this name and args registers."""
        return Workload.manifests(name, gateway_workload(name, args))


def gateway_workload(name: str, args: GatewayArgs) -> WorkloadArgs:
    """The gateway's pods and their Service."""
    return WorkloadArgs(
        namespace=args.namespace,
        component="gateway",
        containers=gateway_containers(name, args),
        replicas=args.replicas,
        scaling=args.scaling,
        vertical=args.vertical,
        # To the server behind it each gateway pod is one client: a session in memory stays with
        # its pod there if its client stays with one here.
        exposure=replace(args.exposure, affinity=args.needs_affinity),
        rollout=args.rollout,
        grace=args.grace,
        pods=args.pods,
        metrics_port=metrics_port(args),
    )


def public_address(domain: str | None, workload: Workload) -> pulumi.Output[str]:
    """https:// and the domain, or the load balancer's address where there is none."""

    def address(status: Mapping[str, Any] | None) -> str:
        match status:
            case {"loadBalancer": {"ingress": [{"hostname": str(given)} | {"ip": str(given)}, *_]}}:
                return given
            case _:
                return "localhost"

    host = pulumi.Output.from_input(domain) if domain else workload.service_status.apply(address)
    return pulumi.Output.concat("https://", host)


def gateway_containers(workload: str, args: GatewayArgs) -> list[Container]:
    """The gateway's container, and the exporter of its metrics."""
    beside = [exporter(args.metrics, args.internal_ca_secret)] if args.metrics else []
    return [gateway_container(workload, args), *beside]


def gateway_container(workload: str, args: GatewayArgs) -> Container:
    """The gateway's container: alone in its pods, or beside the server in a monolith's."""
    program = gateway_program(workload, args)
    return Container(
        name=workload,
        image=args.image,
        command=program.command,
        ports=[
            Port(name="http", number=HTTP, service=80),
            Port(name="https", number=HTTPS, service=443),
            *program.ports,
        ],
        probes=program.probes,
        resources=args.resources,
        env={"QUDAG_ENV": args.environment},
        files=program.files,
        secrets=[*gateway_secrets(args), *program.secrets],
        pre_stop=args.budget.at(Distance.GATEWAY).pre_stop,
        in_memory=program.in_memory,
    )
