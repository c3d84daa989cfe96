"""A collector on each node, which sends the lines of the log files of a platform's pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from ..base.arg_types import ByteSize, DnsLabel, Image
from ..base.component import Component
from ..base.forms import BYTES
from ..base.inputs import applied
from ..base.kubernetes_object import Manifest, register
from ..base.problems import Problem
from ..base.quantities import quantity
from ..kubernetes.container import Container
from ..kubernetes.labels import selector
from ..kubernetes.pod import PodArgs, config_maps, identity, identity_name, pod_template
from ..kubernetes.pod_settings import PodSettings
from ..kubernetes.resources import Resources
from .log_fields import LogMasking
from .log_pipeline import PODS, STATE, LogSink, log_pipeline
from .otel_collector import METRICS, collector_container, configuration_text
from .otlp_sink import known, sink_files
from .store_sizes import LINE_QUEUE

LOG_COLLECTOR: Final = "log-collector"
NODE_STATE: Final = "/var/lib/qudag-mcp-logs"
"""Folder on a node with one folder a collector, by its namespace."""
RESOURCES: Final = Resources(cpu="50m", memory="128Mi", cpu_limit="500m", memory_limit="512Mi")
_LEAST_MEMORY: Final = 128 * 1024**2


@dataclass(frozen=True, kw_only=True)
class LogCollectorArgs:
    """Args of ``LogCollector``.

    Attributes:
        namespace: of the collector; its Pod Security Standard is ``privileged``, because no other
            admits volumes of the kind ``hostPath``.
        namespaces: whose pods' log files are read, each under a name.
        image: OpenTelemetry Collector 0.161 of the distribution ``contrib``.
        services: names of the workloads in these namespaces.
        sink: where lines are sent.
        masking: what becomes of personal data.
        queue_bytes: most bytes of undelivered lines on the disk of a node, in each of two queues.
            When one is full, nothing more is read until there is room.
        resources: of each collector.
        pods: settings of the pods.
    """

    namespace: pulumi.Input[DnsLabel]
    namespaces: Mapping[DnsLabel, pulumi.Input[DnsLabel]]
    image: pulumi.Input[Image]
    services: Sequence[DnsLabel]
    sink: LogSink
    masking: LogMasking = field(default_factory=LogMasking)
    queue_bytes: ByteSize = "1Gi"
    resources: Resources = RESOURCES
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """No namespaces, and too little memory or room for lines that wait."""
        problems = list(LINE_QUEUE.problems("queue_bytes", self.queue_bytes))
        if not self.namespaces:
            problems.append(
                Problem(
                    "namespaces",
                    "is empty",
                    "no file would be read",
                    "name the namespaces of the platform",
                )
            )
        memory = self.resources.memory_limit
        if BYTES.matches(memory) and quantity(memory) < _LEAST_MEMORY:  # else refused for its form
            problems.append(
                Problem(
                    "resources.memory_limit",
                    f"is {memory}",
                    "the collector would refuse lines for lack of memory",
                    "set at least 128Mi",
                )
            )
        return problems


class LogCollector(Component[LogCollectorArgs]):
    """A DaemonSet with read access to the log files of its node, and its configuration.

    It runs as user 0 without any capability: the files belong to that user, and so does the folder
    of its own state. It has no token of the API server.
    """

    args_type = LogCollectorArgs

    def build(self, args: LogCollectorArgs) -> None:
        for manifest in _manifests(args):
            register(self, manifest)

    @classmethod
    def manifests(cls, name: str, args: LogCollectorArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        del name
        return _manifests(args)


def _manifests(args: LogCollectorArgs) -> list[Manifest]:
    container = _container(args)
    pod = PodArgs(
        namespace=args.namespace, component="logging", containers=[container], pods=args.pods
    )
    template = pod_template(
        LOG_COLLECTOR,
        "logging",
        [container],
        service_account=identity_name(LOG_COLLECTOR),
        grace=60,
        metrics_port=METRICS,
        settings=args.pods,
    )
    _read_the_node(template["spec"], args.namespace)
    spec: dict[str, Any] = {
        "selector": {"matchLabels": selector(LOG_COLLECTOR)},
        # Two collectors must not have the same state.
        "updateStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
        },
        "template": template,
    }
    return [
        identity(LOG_COLLECTOR, pod),
        *config_maps(LOG_COLLECTOR, pod),
        Manifest(
            kind="DaemonSet",
            role="pods",
            metadata=pod.described(LOG_COLLECTOR, LOG_COLLECTOR),
            fields={"spec": spec},
        ),
    ]


def _read_the_node(spec: dict[str, Any], namespace: pulumi.Input[str]) -> None:
    """Mounts the log files read-only, and a folder for the state."""

    def folder(own: str) -> str:
        return f"{NODE_STATE}/{own}"

    state = applied(folder, namespace)
    spec["volumes"] += [
        {"name": "pods", "hostPath": {"path": PODS, "type": "Directory"}},
        {"name": "state", "hostPath": {"path": state, "type": "DirectoryOrCreate"}},
    ]
    (container,) = spec["containers"]
    container["volumeMounts"] += [
        {"name": "pods", "mountPath": PODS, "readOnly": True},
        {"name": "state", "mountPath": STATE},
    ]
    root = {"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False}
    container["securityContext"] |= root
    spec["securityContext"] = {**root, "seccompProfile": {"type": "RuntimeDefault"}}
    spec.pop("hostUsers", None)  # in a user namespace it would be another user on the node


def _container(args: LogCollectorArgs) -> Container:
    def configuration(url: str, *namespaces: str) -> str:
        made = log_pipeline(
            namespaces,
            args.services,
            known(args.sink, url),
            args.masking,
            queue_bytes=args.queue_bytes,
            memory=args.resources.memory_limit,
        )
        return configuration_text(made)

    return collector_container(
        LOG_COLLECTOR,
        args.image,
        applied(configuration, args.sink.url, *args.namespaces.values()),
        args.resources,
        secrets=sink_files(args.sink),
        user=0,
    )
