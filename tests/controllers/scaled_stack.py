"""A stack whose services are scaled by Prometheus metrics, in the API server with KEDA."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from delivery import applyset
from delivery.kubectl import Kubectl, Object
from delivery.progress import Progress
from delivery.server_side_apply import Applied, apply
from graph.manifests import manifests
from tests.harness.apiserver import ApiServer
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded

NAME: Final = "scaled"
NAMESPACE: Final = "qudag-mcp-scaled"
STREAMS: Final = 3
"""Open streams for each pod of mcp-core."""
CORE: Final = {"min": 2, "max": 6}
TOOLS: Final = {"min": 3, "max": 5}
USE: Final = {"cpu": 60, "memory": 75}
AT_ONCE: Final = {"window": 0, "pods": 10, "period": 1}
"""The pace of mcp-core: no stabilization window, so that a test need not wait."""
EVERY_METRIC: Final = (
    *("http_requests_per_second", "mcp_requests_per_second", "mcp_tool_requests_per_second"),
    *("mcp_calls_in_flight", "mcp_open_streams", "websocket_connections"),
)


class Scaled(Enum):
    """What the number of pods of both services follows."""

    BY_METRICS = "metrics"
    BY_CPU = "cpu"
    FIXED = "fixed"


def manifests_of(prometheus: str, scaled: Scaled = Scaled.BY_METRICS) -> list[Object]:
    """The manifests of the stack.

    By metrics, mcp-core follows open streams alone: this API server has no metrics of CPU, and
    autoscalers remove no pods while a metric cannot be read. mcp-tools follows everything.
    """
    key = {"secret": "prometheus-reader"}
    asked = {
        "address": prometheus,
        "token": {**key, "key": "token"},
        "ca": {**key, "key": "ca.crt"},
    }
    scaling: dict[str, dict[str, Any]] = {}
    match scaled:
        case Scaled.BY_METRICS:
            core = {"targets": {}, "metrics": {"mcp_open_streams": STREAMS}}
            tools = {"targets": USE, "metrics": dict.fromkeys(EVERY_METRIC, 7)}
            scaling["mcp-core"] = {**CORE, "up": AT_ONCE, "down": AT_ONCE, **core}
            scaling["mcp-tools"] = {**TOOLS, **tools}
        case Scaled.BY_CPU:
            scaling["mcp-core"] = {**CORE, "targets": USE}
            scaling["mcp-tools"] = {**TOOLS, "targets": USE}
        case Scaled.FIXED:
            scaling["mcp-core"] = {"replicas": CORE["min"]}
            scaling["mcp-tools"] = {"replicas": TOOLS["min"]}
    sections: dict[str, Any] = {
        "topology": "microservices",
        "network": NETWORK,
        "kubernetes": {"namespace": NAMESPACE, "quota": None},
        "scaling": scaling,
    }
    if scaled is Scaled.BY_METRICS:
        sections["observability"] = {"prometheus": asked}
    made = manifests(recorded(sections))
    return [made[name] for name in sorted(made)]


@dataclass(frozen=True)
class Sample:
    """The number of pods that a Deployment wants, at a time."""

    seconds: float
    pods: int


@dataclass
class ScaledStack:
    """The stack in an API server.

    Attributes:
        prometheus: URL that KEDA is told to query.
        name: of the stack.
        namespace: of its workloads.
        render: its manifests, for a URL of Prometheus and what the number of pods follows.
    """

    server: ApiServer
    kubectl: Kubectl
    progress: Progress
    prometheus: str
    wanted: Sequence[Object] = ()
    began: float = field(default_factory=time.monotonic)
    name: str = NAME
    namespace: str = NAMESPACE
    render: Callable[[str, Scaled], list[Object]] = manifests_of

    def prepare(self, scaled: Scaled = Scaled.BY_METRICS) -> list[str]:
        """Create what must be there before the Secret; returns the namespaces that it created."""
        self.wanted = self.render(self.prometheus, scaled)
        return applyset.prepare(self.kubectl, self.name, self.wanted)

    def deploy(self, scaled: Scaled = Scaled.BY_METRICS) -> Applied:
        """Deploy as `qudag-mcp up` does; returns what changed."""
        made = self.prepare(scaled)
        return apply(self.kubectl, self.name, self.wanted, self.progress, made=made)

    def create(self, thing: Mapping[str, Any]) -> None:
        """Create an object that the user makes."""
        done = self.server.create(json.dumps(thing))
        assert done.returncode == 0, done.stderr

    def find(self, kind: str, name: str) -> Object | None:
        """An object of the stack's namespace, or None."""
        return next(iter(self.kubectl.objects(f"{kind}/{name}", f"-n={self.namespace}")), None)

    def get(self, kind: str, name: str) -> Object:
        """An object of the stack's namespace."""
        found = self.find(kind, name)
        assert found is not None, f"no {kind}/{name}"
        return found

    def autoscalers(self, workload: str) -> list[Object]:
        """The HorizontalPodAutoscalers of a workload."""
        found = self.kubectl.objects("horizontalpodautoscalers", f"-n={self.namespace}")
        return [one for one in found if one["spec"]["scaleTargetRef"]["name"] == workload]

    def autoscaler(self, workload: str) -> Object:
        """Its only HorizontalPodAutoscaler."""
        (found,) = self.autoscalers(workload)
        return found

    def condition(self, workload: str, kind: str) -> Mapping[str, str]:
        """A condition of the ScaledObject of a workload; empty while it has none."""
        status = self.get("scaledobject.keda.sh", workload).get("status", {})
        found = {one["type"]: one for one in status.get("conditions", [])}
        return found.get(kind, {})

    def is_ready(self, workload: str) -> bool:
        """Whether KEDA has made the autoscaler of a workload."""
        return self.condition(workload, "Ready").get("status") == "True"

    def pods(self, workload: str) -> int:
        """How many pods the Deployment of a workload wants."""
        return int(self.get("deployment", workload)["spec"]["replicas"])

    def watched(self, workload: str, seconds: float) -> Iterator[Sample]:
        """Samples of the number of pods, one a second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield Sample(time.monotonic() - self.began, self.pods(workload))
            time.sleep(1)
