"""What must hold for the sinks and the stores of log lines and of traces alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from typing import Final, Literal
from urllib.parse import urlsplit

from components.base.problems import Problem
from components.base.versions import VERSIONS

from ..config.logs import STORES, Logs, LogSink
from ..config.stack import StackConfig
from ..config.traces import Traces
from ..sink_flows import has_own_store
from .rule import Rule, at

Kept = Literal["logs", "traces"]


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


def fields_of_sinks_fit(config: StackConfig) -> Iterator[Problem]:
    """The header and its scheme belong to a token, and no path is in the URL twice."""
    for what, section in _sections(config):
        sink = section.sink
        # Elasticsearch and OpenSearch have rules of their own.
        if sink is None or (isinstance(sink, LogSink) and sink.kind in STORES):
            continue
        from components.mcp.otlp_problems import LOKI_PATHS, PATHS, path_problems, token_problems

        loki = isinstance(sink, LogSink) and sink.kind == "loki"
        for found in (
            *path_problems(sink.url, LOKI_PATHS if loki else PATHS),
            *token_problems(sink, has_token=sink.token is not None),
        ):
            path = f"observability.{what}.sink.{found.path}"
            yield at(path, found.what, found.consequence, found.fix)


def addresses_of_sinks_are_in_their_networks(config: StackConfig) -> Iterator[Problem]:
    """The network policies let collectors connect to the address in the URL."""
    for what, section in _sections(config):
        sink = section.sink
        if sink is not None and not may_be_in(urlsplit(sink.url).hostname, sink.networks):
            yield at(
                f"observability.{what}.sink.networks",
                f"has no network with the address in {sink.url}",
                "network policies would refuse the connections: nothing would arrive",
                "list the network of that address",
            )


def may_be_in(host: str | None, networks: Sequence[str]) -> bool:
    """Whether a host is in one of the networks; a name may be in any that there is."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return bool(networks)
    return any(address in ip_network(network, strict=False) for network in networks)


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
    (("observability.logs", "observability.traces"), fields_of_sinks_fit),
    (
        ("observability.logs", "observability.traces"),
        addresses_of_sinks_are_in_their_networks,
    ),
    (("observability", "images", "environment"), images_are_used),
]
"""Each rule with what it reads."""
