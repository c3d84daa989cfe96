"""What must hold between `observability.traces` and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.base.quantities import quantity
from components.base.versions import VERSIONS

from ..config.stack import StackConfig
from ..trace_flows import has_trace_store
from .rule import Rule, at

LARGEST_QUEUE: Final = "256Mi"
"""A fourth of the collector's memory."""


def traces_have_a_sink(config: StackConfig) -> Iterator[Problem]:
    """Traces go to a sink or to the stack's own store, not to both."""
    traces, kind = config.observability.traces, config.observability.kind
    if traces is None:
        return
    if traces.sink is None and kind != "standalone":
        yield at(
            "observability.traces.sink",
            f"is missing, and observability.kind is {kind}",
            "the collector would have nowhere to send traces to",
            "name a sink, or set observability.kind to standalone, which has a store",
        )
    if traces.sink is not None and traces.store is not None:
        yield at(
            "observability.traces.store",
            "is set, and observability.traces.sink as well",
            "there would be no store of the platform's own: it would have no effect",
            "remove one of the two",
        )
    if quantity(traces.queue) > quantity(LARGEST_QUEUE):
        yield at(
            "observability.traces.queue",
            f"is {traces.queue}",
            "a full queue would leave the collector too little memory, and it would refuse spans",
            f"set at most {LARGEST_QUEUE}",
        )


def header_and_scheme_fit_the_token(config: StackConfig) -> Iterator[Problem]:
    """The header and its scheme belong to a token."""
    traces = config.observability.traces
    if traces is None or traces.sink is None:
        return
    sink, usual = traces.sink, traces.sink.header.lower() == "authorization"
    if sink.token is None and not usual:
        yield at(
            "observability.traces.sink.header",
            f"is {sink.header}, and there is no token",
            "requests would have no such header",
            "name the key of a Secret in token, or remove header",
        )
    if sink.token is not None and not usual and sink.scheme != "none":
        yield at(
            "observability.traces.sink.scheme",
            f"is {sink.scheme}, and header is {sink.header}",
            f"the header would have {sink.scheme} in front of the token: the sink would refuse it",
            "set scheme to none, or remove header",
        )
    if sink.token is not None and usual and sink.scheme == "none":
        yield at(
            "observability.traces.sink.scheme",
            "is none, and header is Authorization",
            "the sink would find no scheme in front of the token, and refuse it",
            "write Bearer, Basic or ApiKey",
        )


def trace_store_image_is_named(config: StackConfig) -> Iterator[Problem]:
    """The image is named where it runs, with a digest outside dev."""
    runs, image = has_trace_store(config), config.images.trace_store
    if image is not None and not runs:
        yield at(
            "images.traceStore",
            "is set, and the stack has no trace store",
            "it would have no effect",
            "remove it, or set observability.traces without a sink, and kind to standalone",
        )
    if image is None and runs and config.environment != "dev":
        yield at(
            "images.traceStore",
            "is missing, and observability.traces has no sink",
            "a tag can be moved: an image that was never tested could run",
            f"name it with its digest: {VERSIONS['images']['traceStore']}@sha256:…",
        )


TRACE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability",), traces_have_a_sink),
    (("observability.traces",), header_and_scheme_fit_the_token),
    (("observability", "images", "environment"), trace_store_image_is_named),
]
"""Each rule with what it reads."""
