"""The egress proxy: the only way from a server to hosts outside, by name, from a list."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import pulumi

from ..base.arg_forms import kubernetes_name
from ..base.arg_types import DnsLabel, EgressHost, Image, Network, Replicas
from ..base.component import Component
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..mcp.server_config import METRICS
from ..mcp.timeout_budget import Distance, TimeoutBudget
from .container import Container, Files, Port, Probe, Probes
from .egress_hosts import host_problems
from .envoy_config import READY, envoy_config
from .exposure import IpFamilies
from .pod_settings import PodSettings
from .resources import Resources
from .workload import Exposure, Workload, WorkloadArgs

CONFIG_PATH: Final = "/etc/envoy"
FIRST_PORT: Final = 10_000
PORTS: Final = 20_000
RESOURCES: Final = Resources(cpu="50m", memory="96Mi", cpu_limit="500m", memory_limit="256Mi")
"""Envoy 1.40 took 69 MiB with two hosts, and 108 KiB more for each open tunnel (ADR 44)."""


@dataclass(frozen=True, kw_only=True)
class EgressProxyArgs:
    """Args of an egress proxy.

    Attributes:
        namespace: namespace of the proxy and of the servers.
        image: Envoy, 1.40 or newer.
        allowed: ``host:port`` of the hosts that each server may connect to, by the server's name.
        budget: the longest tool call of the servers; open tunnels of a stopping pod last as long.
        replicas, resources: see WorkloadArgs.
        ip_families: see Exposure.
        pods: settings of the pods.
        api_server: networks of the cluster's API server; hosts that resolve to them are refused.
        metrics: serve /metrics for Prometheus on port 9090: tunnels, refusals and bytes of each
            server.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    allowed: Mapping[DnsLabel, Sequence[EgressHost]]
    budget: TimeoutBudget = field(default_factory=TimeoutBudget)
    replicas: Replicas = 2
    resources: Resources = RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)
    api_server: Sequence[Network] = ()
    metrics: bool = False

    def refusals(self) -> list[Problem]:
        """No servers, servers without hosts, and hosts that a server lists twice."""
        if not self.allowed:
            return [
                Problem(
                    "allowed",
                    "is empty",
                    "the proxy would refuse every connection",
                    "list the hosts of a server, or leave the proxy out",
                )
            ]
        return host_problems("allowed", self.allowed)


class EgressProxy(Component[EgressProxyArgs]):
    """Envoy pods with one port for each server, and their Service.

    A server is known by the port that it connects to, which network policies open to it alone.

    Attributes:
        host: DNS name of its Service.
    """

    args_type = EgressProxyArgs
    name_form = kubernetes_name(46)

    host: pulumi.Output[str]

    def build(self, args: EgressProxyArgs) -> None:
        self.host = Workload(self.name, _workload(self.name, args), opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: EgressProxyArgs) -> list[Manifest]:
        """Every object that an egress proxy of this name and args registers."""
        return Workload.manifests(name, _workload(name, args))


def proxy_ports(servers: Iterable[str]) -> dict[str, int]:
    """The port of each server at the proxy; it stays when others are added or removed.

    The port is a hash of the name. If two names have the same hash (1 in 20,000), the later one in
    the alphabet gets the next free port.
    """
    found: dict[str, int] = {}
    taken: set[int] = set()
    for name in sorted(servers):
        port = FIRST_PORT + zlib.crc32(name.encode()) % PORTS
        while port in taken:
            port += 1
        taken.add(port)
        found[name] = port
    return found


def proxy_variables(proxy: str, port: int) -> dict[str, str]:
    """The environment variables from which most programs and libraries read their proxy.

    Args:
        proxy: host name of the proxy's Service.
        port: the server's port there.
    """
    url = f"http://{proxy}:{port}"
    inside = "localhost,127.0.0.1,::1,.svc,.cluster.local"
    return {"HTTPS_PROXY": url, "https_proxy": url, "NO_PROXY": inside, "no_proxy": inside}


def _workload(name: str, args: EgressProxyArgs) -> WorkloadArgs:
    timeouts = args.budget.at(Distance.GATEWAY)
    return WorkloadArgs(
        namespace=args.namespace,
        component="egress-proxy",
        containers=[_container(name, args)],
        replicas=args.replicas,
        exposure=Exposure(ip_families=args.ip_families),
        grace=timeouts.grace,
        metrics_port=METRICS if args.metrics else None,
        pods=args.pods,
    )


@cache
def _config_text(
    allowed: tuple[tuple[str, tuple[str, ...]], ...],
    api_server: tuple[str, ...],
    *,
    metrics: bool,
) -> str:
    """Envoy's configuration, written once for what is counted and for what is registered."""
    servers = dict(allowed)
    made = envoy_config(servers, proxy_ports(servers), api_server, metrics=metrics)
    return json.dumps(made, indent=1)


def _container(name: str, args: EgressProxyArgs) -> Container:
    ports = proxy_ports(args.allowed)
    timeouts = args.budget.at(Distance.GATEWAY)
    allowed = tuple((server, tuple(hosts)) for server, hosts in args.allowed.items())
    config = _config_text(allowed, tuple(args.api_server), metrics=args.metrics)
    return Container(
        name=name,
        image=args.image,
        command=[
            *("envoy", "-c", f"{CONFIG_PATH}/envoy.json"),
            # Hot restart needs shared memory, which a read-only container does not have.
            "--disable-hot-restart",
            *("--concurrency", "2"),
            *("--log-level", "warn"),
        ],
        ports=[
            Port(name="ready", number=READY),
            *([Port(name="metrics", number=METRICS)] if args.metrics else []),
            *(
                Port(name=f"proxy-{port}", number=port, service=port)
                for port in sorted(ports.values())
            ),
        ],
        probes=Probes(
            startup=Probe(port=READY, path="/ready", period=1, failures=60),
            liveness=Probe(port=READY, path="/ready"),
            readiness=Probe(port=READY, path="/ready", period=5, timeout=3),
        ),
        resources=args.resources,
        files=[Files(name=f"{name}-envoy", path=CONFIG_PATH, content={"envoy.json": config})],
        # Envoy closes all tunnels at SIGTERM; calls that use one may finish before that.
        pre_stop=timeouts.pre_stop + timeouts.drain,
    )
