"""Rules for `scaling.<service>.metrics`: who exports the metrics, and who can read them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from components.base.problems import Problem
from components.kubernetes.keda import GATEWAY_SERIES, prometheus_problems

from ..config.scaling import ServiceScale
from ..config.stack import StackConfig
from ..keda_prometheus import keda_prometheus
from ..monitoring import own_login
from ..services import topology
from ..topologies.topology import GatewayService, NodeService, ServerService, Service
from .rule import Rule, at

LATENCY: Final = "consensusLatencyMilliseconds"


def metrics_are_exported(config: StackConfig) -> Iterator[Problem]:
    """Metrics are set for services that export them and have an autoscaler."""
    followed: list[str] = []
    for service in topology(config).services:
        scale = config.scaling.get(service.name)
        if scale is None or not scale.asks_prometheus:
            continue
        path = _asking(service.name, scale)
        followed.append(path)
        problems = list(_not_exported(config, service, scale.metrics, path))
        if scale.consensus_latency_milliseconds is not None:
            problems += _without_consensus(config, service.name)
        yield from problems
        if not problems and service.scaling is None:
            yield at(
                path,
                "is set, and the service has a fixed number of pods",
                "it would have no effect",
                "set min and max, or leave it out",
            )
    if followed and config.scraper is None:
        yield at(
            "network.prometheus",
            f"is missing, and {followed[0]} is set",
            "no one may scrape the servers, so there would be no metrics to scale by",
            "set the namespace and labels of your Prometheus",
        )


def _asking(service: str, scale: ServiceScale) -> str:
    """The path of what Prometheus is asked for."""
    return f"scaling.{service}.{'metrics' if scale.metrics else LATENCY}"


def _without_consensus(config: StackConfig, service: str) -> Iterator[Problem]:
    """A latency of nodes that measure none: there are fewer than two, or they export nothing."""
    nodes = [one for one in topology(config).services if isinstance(one, NodeService)]
    path = f"scaling.{service}.{LATENCY}"
    if not nodes:
        yield at(
            path,
            f"is set, and the topology {config.topology} has no QuDAG nodes",
            "there would be no latency, and the autoscaler would remove no pods",
            "leave it out",
        )
    elif config.images.qudag_profile != "seed":
        yield at(
            path,
            "is set, and the released QuDAG program exports no metrics",
            "there would be no latency, and the autoscaler would remove no pods",
            "leave it out, or set images.qudagProfile to seed",
        )
    elif nodes[0].replicas < 2:
        yield at(
            path,
            f"is set, and {nodes[0].name} has one node",
            "a node alone has no latency, and the autoscaler would remove no pods",
            f"set scaling.{nodes[0].name}.replicas to at least 2",
        )


def _not_exported(
    config: StackConfig, service: Service, followed: Collection[str], path: str
) -> Iterator[Problem]:
    """Metrics that the pods of a service do not export."""
    match service:
        case ServerService():
            return
        case _ if not followed:
            return
        case GatewayService() if config.images.gateway_engine != "nginx":
            yield at(
                path,
                f"is set, and images.gatewayEngine is {config.images.gateway_engine}",
                "only nginx has the exporter: the autoscaler would remove no pods",
                "leave it out, and scale by targets",
            )
        case GatewayService():
            for name in followed:
                if name not in GATEWAY_SERIES:
                    yield at(
                        f"{path}.{name}",
                        f"is a metric of MCP servers, and {service.name} is the gateway",
                        "the autoscaler would remove no pods",
                        f"one of: {', '.join(GATEWAY_SERIES)}",
                    )
        case _:
            yield at(
                path,
                f"is set, and {service.name} is no MCP server: it exports none of these metrics",
                "the autoscaler would remove no pods",
                "leave it out, and scale by targets",
            )


def prometheus_can_be_queried(config: StackConfig) -> Iterator[Problem]:
    """``observability.prometheus`` is set if a service is scaled by metrics, and only then."""
    prometheus = config.observability.prometheus
    followed = [
        _asking(name, scale) for name, scale in config.scaling.items() if scale.asks_prometheus
    ]
    own = config.observability.kind == "standalone"
    if followed and keda_prometheus(config) is None:
        yield at(
            "observability.standalone.keda" if own else "observability.prometheus",
            f"is missing, and {followed[0]} is set",
            "nothing could read the metrics",
            "set it and login, so that KEDA may query the platform's own Prometheus"
            if own
            else "set address, such as http://prometheus.monitoring.svc:9090",
        )
    if prometheus is None:
        return
    if not followed:
        yield at(
            "observability.prometheus",
            "is set, and no service has metrics",
            "it would have no effect",
            "set scaling.<service>.metrics, or leave it out",
        )
    found = prometheus_problems(
        prometheus.address, token=bool(prometheus.token), ca=bool(prometheus.ca)
    )
    for one in found:
        yield at(f"observability.prometheus.{one.path}", one.what, one.consequence, one.fix)


def keda_may_query_the_own_prometheus(config: StackConfig) -> Iterator[Problem]:
    """``observability.standalone.keda`` is set with a login, for a service, and alone."""
    section = config.observability.standalone
    if section is None or section.keda is None or config.observability.kind != "standalone":
        return
    path = "observability.standalone.keda"
    if section.login is None:
        yield at(
            path,
            "is set, and observability.standalone.login is not",
            "KEDA uses a private CA only together with a login: no query would succeed",
            "set login to the Secret with username, password and web.yml",
        )
    if not any(scale.asks_prometheus for scale in config.scaling.values()):
        yield at(
            path,
            "is set, and no service has metrics",
            "network policies would allow a connection that nothing uses",
            "set scaling.<service>.metrics, or remove it",
        )
    if config.observability.prometheus is not None:
        yield at(
            "observability.prometheus",
            f"is set, and {path} is set as well",
            "KEDA would query one of the two only",
            "remove one of them",
        )


def the_login_is_of_prometheus_alone(config: StackConfig) -> Iterator[Problem]:
    """The login of Prometheus is in no Secret that has another purpose."""
    login = own_login(config)
    for field, name in config.secrets.names.items():
        if name == login and field not in ("internalTls", "valkeyUsers"):
            yield at(
                "observability.standalone.login",
                f"is {name}, which is also secrets.{field}",
                "pods would be given keys that are not for them, and its keys would clash",
                "name another Secret",
            )


METRIC_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("scaling", "topology", "network.prometheus", "observability.kind"), metrics_are_exported),
    (("scaling", "observability"), prometheus_can_be_queried),
    (("scaling", "observability"), keda_may_query_the_own_prometheus),
    (("secrets", "observability"), the_login_is_of_prometheus_alone),
]
"""Each rule with what it reads."""
