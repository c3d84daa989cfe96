"""Scaling by what Prometheus has scraped: a ScaledObject for KEDA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import pulumi

from ..base.arg_types import DnsLabel, LatencyMilliseconds, PrometheusUrl, SecretName
from ..base.inputs import applied
from ..base.problems import Problem
from ..mcp.metrics import EXPORTED, ExportedMetric
from .pod_settings import SecretKey

ServerMetric = Literal[
    "http_requests_per_second",
    "mcp_requests_per_second",
    "mcp_tool_requests_per_second",
    "mcp_calls_in_flight",
    "mcp_open_streams",
    "websocket_connections",
]


SERIES: Final[Mapping[ServerMetric, ExportedMetric]] = {
    "http_requests_per_second": EXPORTED["http_requests_total"],
    "mcp_requests_per_second": EXPORTED["mcp_requests_total"],
    "mcp_tool_requests_per_second": EXPORTED["mcp_tool_requests_total"],
    "mcp_calls_in_flight": EXPORTED["mcp_calls_in_flight"],
    "mcp_open_streams": EXPORTED["mcp_open_streams"],
    "websocket_connections": EXPORTED["websocket_connections"],
}
"""Every metric that servers can be scaled by: the rate of a counter, the value of a gauge."""
GATEWAY_SERIES: Final[Mapping[ServerMetric, ExportedMetric]] = {
    "http_requests_per_second": EXPORTED["mcp_gateway_requests_total"],
}
"""Those that a gateway can be scaled by."""
ALWAYS: Final = EXPORTED["mcp_draining"].name
"""A series that each server exports from its start, without labels of its own."""
GATEWAY_ALWAYS: Final = EXPORTED["mcp_gateway_up"].name
"""The same of a gateway."""
RATE_WINDOW: Final = "2m"
FAILURES: Final = 3
"""Failed queries in a row after which KEDA uses the fallback."""
ANNOTATIONS: Final[Mapping[str, str]] = {
    # A workload that had an autoscaler keeps it: KEDA takes over the one with the same name.
    "scaledobject.keda.sh/transfer-hpa-ownership": "true",
    # KEDA copies labels to its autoscaler. With this one, the next deployment by kubectl would
    # delete it, as an object of the stack that the stack no longer has.
    "scaledobject.keda.sh/hpa-excluded-labels": "applyset.kubernetes.io/part-of",
}
"""Annotations of each ScaledObject."""
SCALED_OBJECT_AFTER: Final = ("pods", "prometheus-access")
"""Roles of the objects that must exist before a ScaledObject. KEDA's webhook refuses a trigger by
CPU or memory if the workload does not exist."""


LATENCY: Final = EXPORTED["qudag_consensus_latency"].name


@dataclass(frozen=True, kw_only=True)
class ConsensusLatency:
    """The latency between the QuDAG nodes that a workload uses, above which it gets more pods.

    Attributes:
        nodes: name of the nodes' workload, in the same namespace.
        milliseconds: the target. The number of pods grows in the ratio of the latency to it.
    """

    nodes: DnsLabel
    milliseconds: LatencyMilliseconds


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """The Prometheus that KEDA queries.

    Attributes:
        address: its URL; plain HTTP for a Service in the cluster alone.
        token: key of a Secret with the bearer token; None: no token is sent.
        login: Secret with ``username`` and ``password``, in place of a token; None: none.
        ca: key of a Secret with the CA that signs its certificate; None: a public one.
    """

    address: PrometheusUrl
    token: SecretKey | None = None
    ca: SecretKey | None = None
    login: SecretName | None = None

    def refusals(self) -> Iterator[Problem]:
        """Credentials without TLS or of two kinds, and a CA that KEDA would not read."""
        given = bool(self.token or self.login)
        yield from prometheus_problems(self.address, token=given, ca=bool(self.ca))
        if self.token and self.login:
            yield Problem(
                "login",
                "is set, and token is set as well",
                "KEDA refuses a trigger with both",
                "leave one of them out",
            )

    @property
    def credentials(self) -> list[tuple[str, SecretKey]]:
        """The parameters of KEDA's authentication, each with its key; empty: it sends none."""
        found: list[tuple[str, SecretKey]] = []
        if self.token:
            found.append(("bearerToken", self.token))
        if self.login:
            found += [
                (name, SecretKey(secret=self.login, key=name)) for name in ("username", "password")
            ]
        return [*found, ("ca", self.ca)] if found and self.ca else found


def prometheus_problems(address: str, *, token: bool, ca: bool) -> Iterator[Problem]:
    """A token without TLS, and a CA that KEDA would not read."""
    plain = address.startswith("http://")
    if token and plain:
        yield Problem(
            "token",
            "is set, and address is an http:// URL",
            "the token would be sent unencrypted",
            "use an https:// URL, or leave token out",
        )
    if ca and plain:
        yield Problem(
            "ca",
            "is set, and address is an http:// URL",
            "it would have no effect",
            "use an https:// URL, or leave ca out",
        )
    elif ca and not token:
        yield Problem(
            "ca",
            "is set, and token is not",
            "KEDA reads the CA only together with authentication: no query would succeed",
            "set token, or use a certificate of a public CA",
        )


def scaled_object_spec(
    target: str,
    kind: str,
    namespace: pulumi.Input[str],
    *,
    least: int,
    most: int,
    use: Mapping[str, int | None],
    container: str | None,
    metrics: Mapping[ServerMetric, int],
    consensus: ConsensusLatency | None,
    prometheus: Prometheus,
    behavior: Mapping[str, Any],
    gateway: bool = False,
) -> dict[str, Any]:
    """The spec of the ScaledObject of the ``kind`` (Deployment, StatefulSet) ``target``.

    While Prometheus does not answer, the number of pods stays as it is, or rises by CPU and memory.
    """
    counted = {"containerName": container} if container else {}
    triggers: list[dict[str, Any]] = [
        {
            "type": resource,
            "metricType": "Utilization",
            "metadata": {"value": str(percent), **counted},
        }
        for resource, percent in use.items()
        if percent is not None
    ]
    access: dict[str, Any] = {}
    modes: dict[str, str] = {}
    if prometheus.credentials:
        access["authenticationRef"] = {"name": authentication_name(target)}
        modes["authModes"] = "bearer" if prometheus.token else "basic"

    def trigger(
        how: Literal["AverageValue", "Value"], asked: pulumi.Input[str], threshold: str
    ) -> dict[str, Any]:
        return {
            "type": "prometheus",
            "metricType": how,
            "metadata": {
                "serverAddress": prometheus.address,
                "query": asked,
                "threshold": threshold,
                # An empty result is a failure, for which the fallback is used: never zero load.
                "ignoreNullValues": "false",
                **modes,
            },
            **access,
        }

    triggers += [
        trigger(
            "AverageValue", query(metric, target, kind, namespace, gateway=gateway), str(average)
        )
        for metric, average in metrics.items()
    ]
    if consensus:
        seconds = f"{consensus.milliseconds / 1000:g}"
        triggers.append(trigger("Value", latency_query(consensus.nodes, namespace), seconds))
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": target},
        "minReplicaCount": least,
        "maxReplicaCount": most,
        "fallback": {
            "failureThreshold": FAILURES,
            "replicas": least,
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {
            "horizontalPodAutoscalerConfig": {"name": f"{target}-hpa", "behavior": behavior}
        },
        "triggers": triggers,
    }


def authentication_name(target: str) -> str:
    """Name of the TriggerAuthentication of a workload."""
    return f"{target}-prometheus"


def authentication_spec(prometheus: Prometheus) -> dict[str, Any]:
    """The spec of the TriggerAuthentication, which names keys of Secrets."""
    return {
        "secretTargetRef": [
            {"parameter": parameter, "name": key.secret, "key": key.key}
            for parameter, key in prometheus.credentials
        ]
    }


def query(
    metric: ServerMetric,
    workload: str,
    kind: str,
    namespace: pulumi.Input[str],
    *,
    gateway: bool = False,
) -> pulumi.Input[str]:
    """The sum of a metric over the pods of a workload, in PromQL.

    A counter with labels has no series until something was counted: its rate is 0 then, as long
    as the pods are scraped. Without scraped pods there is no answer.
    """
    ending = "[0-9]+" if kind == "StatefulSet" else "[0-9a-z]+-[0-9a-z]{5}"
    # The args and the rules refuse other metrics of a gateway.
    series = GATEWAY_SERIES.get(metric, SERIES[metric]) if gateway else SERIES[metric]
    always = GATEWAY_ALWAYS if gateway else ALWAYS

    def written(space: str) -> str:
        of_pods = f'{{namespace="{space}",pod=~"{workload}-{ending}"}}'
        if series.kind != "counter":
            return f"sum({series.name}{of_pods})"
        rate = f"sum(rate({series.name}{of_pods}[{RATE_WINDOW}]))"
        return f"{rate} or sum(0 * {always}{of_pods})"

    return applied(written, namespace)


def latency_query(nodes: str, namespace: pulumi.Input[str]) -> pulumi.Input[str]:
    """The largest latency that a node has measured, in PromQL; no answer before the first round."""

    def written(space: str) -> str:
        return f'max({LATENCY}{{namespace="{space}",pod=~"{nodes}-[0-9]+"}} >= 0)'

    return applied(written, namespace)
