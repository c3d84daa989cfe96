"""The collector of traces: it gets the spans of a platform, and sends the traces that it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

import pulumi

from ..base.arg_types import ByteSize, DnsLabel, Image, SecretName
from ..base.component import Component
from ..base.constraints import Range
from ..base.forms import BYTES
from ..base.inputs import applied
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..base.quantities import quantity
from ..kubernetes.container import Container, Port, SecretFiles
from ..kubernetes.exposure import Exposure, IpFamilies
from ..kubernetes.pod_settings import PodSettings
from ..kubernetes.resources import Resources
from ..kubernetes.workload import Workload, WorkloadArgs
from ..mcp.server_config import INTERNAL_TLS_PATH
from ..mcp.traces import OTLP_HTTP
from .otel_collector import METRICS, collector_container, configuration_text
from .otlp_sink import OtlpSink, known, sink_files
from .store_sizes import TRACE_QUEUE
from .trace_collector_config import TraceSampling, trace_collector_config

TRACE_COLLECTOR: Final = "trace-collector"
RESOURCES: Final = Resources(cpu="100m", memory="256Mi", cpu_limit="1", memory_limit="1Gi")
QUEUE_SHARE: Final = 4
"""The queue takes at most one part in so many of the memory."""
LongestSeconds = Annotated[
    int, Range(least=1, most=86_400, consequence="slow calls would be taken for fast ones")
]


@dataclass(frozen=True, kw_only=True)
class TraceCollectorArgs:
    """Args of ``TraceCollector``.

    Attributes:
        namespace: of the collector.
        image: OpenTelemetry Collector 0.161 of the distribution ``contrib``.
        tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the name
            ``trace-collector-service.<namespace>.svc``.
        sink: where kept traces are sent.
        longest_seconds: of a call. The collector decides later than that on a trace whose root
            span does not arrive.
        sampling: which traces are kept.
        queue_bytes: most bytes of kept traces that wait in memory while the sink does not
            answer; a fourth of the memory at most.
        resources: of the collector.
        ip_families: see Exposure.
        pods: settings of the pod.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    tls_secret: SecretName
    sink: OtlpSink
    longest_seconds: LongestSeconds
    sampling: TraceSampling = field(default_factory=TraceSampling)
    queue_bytes: ByteSize = "64Mi"
    resources: Resources = RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """A queue for no trace, or one that leaves too little memory for undecided traces."""
        memory = self.resources.memory_limit
        if not (BYTES.matches(self.queue_bytes) and BYTES.matches(memory)):
            return []  # refused for its form
        most = quantity(memory) / QUEUE_SHARE
        if quantity(self.queue_bytes) <= most:
            return list(TRACE_QUEUE.too_small("queue_bytes", self.queue_bytes))
        return [
            Problem(
                "queue_bytes",
                f"is {self.queue_bytes}, more than a fourth of the memory ({memory})",
                "the collector would refuse spans while its sink is away",
                f"set at most {int(most) // 1024**2}Mi",
            )
        ]


class TraceCollector(Component[TraceCollectorArgs]):
    """A Deployment of one OpenTelemetry Collector, and its Service for OTLP over TLS.

    There is one pod, because all spans of a trace must reach the same one. Network policies must
    let the senders connect to it, and let it connect to the sink.

    Attributes:
        host: DNS name of its Service, which listens on port 4318.
    """

    args_type = TraceCollectorArgs

    host: pulumi.Output[str]

    def build(self, args: TraceCollectorArgs) -> None:
        self.host = Workload(self.name, _workload(args), opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: TraceCollectorArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        return Workload.manifests(name, _workload(args))


def _workload(args: TraceCollectorArgs) -> WorkloadArgs:
    return WorkloadArgs(
        namespace=args.namespace,
        component="tracing",
        containers=[_container(args)],
        name=TRACE_COLLECTOR,
        replicas=1,
        exposure=Exposure(ip_families=args.ip_families),
        # When it ends it decides on all traces that wait, and sends those that it keeps.
        grace=30,
        metrics_port=METRICS,
        pods=args.pods,
    )


def _container(args: TraceCollectorArgs) -> Container:
    def configuration(url: str) -> str:
        made = trace_collector_config(
            args.sampling,
            known(args.sink, url),
            longest_seconds=args.longest_seconds,
            queue_bytes=args.queue_bytes,
        )
        return configuration_text(made)

    certificate = SecretFiles(
        secret=args.tls_secret, path=INTERNAL_TLS_PATH, keys=("tls.crt", "tls.key")
    )
    return collector_container(
        TRACE_COLLECTOR,
        args.image,
        applied(configuration, args.sink.url),
        args.resources,
        receives=[Port(name="otlp", number=OTLP_HTTP, service=OTLP_HTTP)],
        secrets=[certificate, *sink_files(args.sink)],
    )
