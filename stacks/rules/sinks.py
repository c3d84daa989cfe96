"""What must hold for the sinks and the stores of log lines and of traces alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from components.base.problems import Problem
from components.base.quantities import quantity
from components.base.versions import VERSIONS

from ..config.logs import STORES, Logs, LogSink
from ..config.otlp_sink import OtlpSink
from ..config.stack import StackConfig
from ..config.traces import Traces
from ..sink_flows import has_own_store
from .rule import Rule, at

Kept = Literal["logs", "traces"]
LARGEST_QUEUE: Final = "256Mi"
"""A fourth of the memory of the collector of traces."""


def there_is_one_sink(config: StackConfig) -> Iterator[Problem]:
    """Lines, and traces, go to a sink or to a store of the platform's own, not to both."""
    for what, section in _sections(config):
        if section.sink is None and config.observability.kind != "standalone":
            yield at(
                f"observability.{what}.sink",
                f"is missing, and observability.kind is {config.observability.kind}",
                f"collectors would have nowhere to send {what} to",
                "name a sink, or set observability.kind to standalone, which has a store",
            )
        if section.sink is not None and section.store is not None:
            yield at(
                f"observability.{what}.store",
                f"is set, and observability.{what}.sink as well",
                "there would be no store of the platform's own: it would have no effect",
                "remove one of the two",
            )


def header_and_scheme_fit_the_token(config: StackConfig) -> Iterator[Problem]:
    """The header and its scheme belong to a token."""
    for what, section in _sections(config):
        sink = section.sink
        # Elasticsearch and OpenSearch have rules of their own.
        if sink is not None and not (isinstance(sink, LogSink) and sink.kind in STORES):
            yield from _of_header(f"observability.{what}.sink", sink)


def _of_header(path: str, sink: OtlpSink) -> Iterator[Problem]:
    usual = sink.header.lower() == "authorization"
    if sink.token is None and not usual:
        yield at(
            f"{path}.header",
            f"is {sink.header}, and there is no token",
            "requests would have no such header",
            "name the key of a Secret in token, or remove header",
        )
    if sink.token is not None and not usual and sink.scheme != "none":
        yield at(
            f"{path}.scheme",
            f"is {sink.scheme}, and header is {sink.header}",
            f"the header would have {sink.scheme} in front of the token: the sink would refuse it",
            "set scheme to none, or remove header",
        )
    if sink.token is not None and usual and sink.scheme == "none":
        yield at(
            f"{path}.scheme",
            "is none, and header is Authorization",
            "the sink would find no scheme in front of the token, and refuse it",
            "write Bearer, Basic or ApiKey",
        )


def the_queue_leaves_memory(config: StackConfig) -> Iterator[Problem]:
    """Kept traces that wait take a part of the collector's memory."""
    traces = config.observability.traces
    if traces is not None and quantity(traces.queue_bytes) > quantity(LARGEST_QUEUE):
        yield at(
            "observability.traces.queueBytes",
            f"is {traces.queue_bytes}",
            "a full queue would leave the collector too little memory, and it would refuse spans",
            f"set at most {LARGEST_QUEUE}",
        )


def images_are_used(config: StackConfig) -> Iterator[Problem]:
    """Images are named where they run, with digests outside dev."""
    logs, traces = config.observability.logs, config.observability.traces
    either = "observability.logs or observability.traces"
    images = config.images
    for field, image, runs, of in (
        ("collector", images.collector, logs is not None or traces is not None, either),
        ("logStore", images.log_store, has_own_store(config, logs), "observability.logs"),
        ("traceStore", images.trace_store, has_own_store(config, traces), "observability.traces"),
    ):
        store = "" if field == "collector" else ", without a sink, and kind to standalone"
        if image is not None and not runs:
            yield at(
                f"images.{field}",
                "is set, and the stack has no workload with it",
                "it would have no effect",
                f"remove it, or set {of}{store}",
            )
        if image is None and runs and config.environment != "dev":
            yield at(
                f"images.{field}",
                f"is missing, and {of} is set",
                "a tag can be moved: an image that was never tested could run",
                f"name it with its digest: {VERSIONS['images'][field]}@sha256:…",
            )


def _sections(config: StackConfig) -> Iterator[tuple[Kept, Logs | Traces]]:
    if config.observability.logs is not None:
        yield "logs", config.observability.logs
    if config.observability.traces is not None:
        yield "traces", config.observability.traces


SINK_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability",), there_is_one_sink),
    (("observability.logs", "observability.traces"), header_and_scheme_fit_the_token),
    (("observability.traces",), the_queue_leaves_memory),
    (("observability", "images", "environment"), images_are_used),
]
"""Each rule with what it reads."""
