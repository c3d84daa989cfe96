"""The gateway of a platform: terminates TLS, limits rates and forwards MCP to an upstream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi

from ..base.arg_forms import HOST, kubernetes_name
from ..base.inputs import applied, is_pending
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..base.refusal import refuse
from ..mcp.server_config import INTERNAL_CA_PATH
from ..mcp.target import McpTarget
from ..mcp.timeout_budget import Distance
from .container import Container, Files, Port, Probe, Probes, SecretFiles
from .gateway_args import GatewayArgs, GatewayEngine
from .nginx_conf import AUTHORIZED, nginx_conf
from .nginx_start import nginx_start
from .rate_limits import RateLimit, RateLimits
from .resources import Resources
from .upstream import Upstream
from .workload import Workload, WorkloadArgs

__all__ = [
    "Gateway",
    "GatewayArgs",
    "GatewayEngine",
    "RateLimit",
    "RateLimits",
    "Upstream",
    "nginx_conf",
]

HTTP = 8080
HTTPS = 8443
PROBES = 8082
"""Port for probes, without the PROXY protocol, which kubelets do not send."""
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
        containers=[gateway_container(name, args)],
        replicas=args.replicas,
        scaling=args.scaling,
        # To the server behind it each gateway pod is one client: a session in memory stays with
        # its pod there if its client stays with one here.
        exposure=replace(args.exposure, affinity=args.needs_affinity),
        rollout=args.rollout,
        grace=args.longest_budget.at(Distance.GATEWAY).grace,
        pods=args.pods,
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


def gateway_container(workload: str, args: GatewayArgs) -> Container:
    """The gateway's container: alone in its pods, or beside the server in a monolith's."""
    timeouts = args.budget.at(Distance.GATEWAY)
    files: Sequence[Files] = ()
    command = args.command
    probes = PROBES if args.proxy_protocol else HTTP
    secrets = [
        SecretFiles(secret=args.tls_secret, path="/etc/tls", keys=("tls.crt", "tls.key")),
        SecretFiles(secret=args.internal_ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",)),
    ]
    if args.engine is GatewayEngine.NGINX:
        command = ("sh", "/etc/nginx/start.sh")
        start = nginx_start(
            [f"{mounted.path}/{key}" for mounted in secrets for key in mounted.keys]
        )
        conf = {"nginx.conf": _configured(args), "start.sh": start}
        files = [Files(name=f"{workload}-nginx", path="/etc/nginx", content=conf)]
    return Container(
        name=workload,
        image=args.image,
        command=command,
        ports=[
            Port(name="http", number=HTTP, service=80),
            Port(name="https", number=HTTPS, service=443),
        ],
        probes=Probes(
            liveness=Probe(port=probes, path="/health", delay=30),
            readiness=Probe(port=probes, path="/ready", delay=5, period=5, timeout=3),
        ),
        resources=args.resources,
        env={"QUDAG_ENV": args.environment},
        files=files,
        secrets=secrets,
        pre_stop=timeouts.pre_stop,
        in_memory=[AUTHORIZED] if any(route.auth == "gateway" for route in args.routes) else (),
    )


def _configured(args: GatewayArgs) -> pulumi.Input[str]:
    """nginx.conf, once the hosts of all upstreams are known."""
    upstreams = {
        "upstream": args.upstream,
        **({"authorizer": args.authorizer} if args.authorizer else {}),
        **{f"routes[{number}].upstream": each.upstream for number, each in enumerate(args.routes)},
    }

    def at(*hosts: str) -> str:
        known: dict[str, Upstream] = {}
        problems: list[Problem] = []
        for (path, upstream), host in zip(upstreams.items(), hosts, strict=True):
            known[path] = replace(upstream, host=host)
            # Known only now, after the args were checked.
            if is_pending(upstream.host) and (problem := HOST.problem(f"{path}.host", host)):
                problems.append(problem)
        refuse(problems)
        routes = [
            replace(route, upstream=known[f"routes[{number}].upstream"])
            for number, route in enumerate(args.routes)
        ]
        return nginx_conf(
            replace(
                args,
                upstream=known["upstream"],
                authorizer=known.get("authorizer"),
                routes=routes,
            )
        )

    return applied(at, *(upstream.host for upstream in upstreams.values()))
