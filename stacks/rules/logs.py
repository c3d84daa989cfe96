"""What must hold between `observability.logs` and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS

from ..config.logs import LOGS
from ..config.stack import StackConfig
from .rule import Rule, at, path_of


def lines_have_a_sink(config: StackConfig) -> Iterator[Problem]:
    """There is one place that lines go to."""
    logs, kind = config.observability.logs, config.observability.kind
    if logs is None:
        return
    if logs.sink is None and kind != "standalone":
        yield at(
            "observability.logs.sink",
            f"is missing, and observability.kind is {kind}",
            "collectors would have nowhere to send lines to",
            "name a sink, or set observability.kind to standalone, which has a store",
        )
    if logs.sink is not None and logs.store is not None:
        yield at(
            "observability.logs.store",
            "is set, and observability.logs.sink as well",
            "there would be no store of the platform's own: it would have no effect",
            "remove one of the two",
        )
    if logs.sink is not None and logs.sink.index == logs.sink.security_index:
        yield at(
            "observability.logs.sink.securityIndex",
            f"is {logs.sink.security_index}, as index is",
            "whoever may read log lines could read security events",
            "give security events an index of their own",
        )


def the_token_is_read(config: StackConfig) -> Iterator[Problem]:
    """The header and its scheme belong to a token."""
    logs = config.observability.logs
    if logs is None or logs.sink is None:
        return
    sink = logs.sink
    if sink.token is None and sink.header != "Authorization":
        yield at(
            "observability.logs.sink.header",
            f"is {sink.header}, and there is no token",
            "requests would have no such header",
            "name the key of a Secret in token, or remove header",
        )
    if sink.token is not None and sink.header != "Authorization" and sink.scheme != "none":
        yield at(
            "observability.logs.sink.scheme",
            f"is {sink.scheme}, and header is {sink.header}",
            f"the header would have {sink.scheme} in front of the token: the sink would refuse it",
            "set scheme to none, or remove header",
        )
    if sink.token is not None and sink.header == "Authorization" and sink.scheme == "none":
        yield at(
            "observability.logs.sink.scheme",
            "is none, and header is Authorization",
            "the sink would find no scheme in front of the token, and refuse it",
            "write Bearer, Basic or ApiKey",
        )


def the_namespace_of_collectors_is_theirs(config: StackConfig) -> Iterator[Problem]:
    """No server runs where pods are admitted that mount directories of their node."""
    if config.observability.logs is None:
        return
    for name, server in config.servers.items():
        if server.namespace == LOGS:
            yield at(
                path_of("servers", name, "namespace"),
                f"is {LOGS}, the namespace of the collectors of log lines",
                "its Pod Security Standard would admit pods that take over their node",
                "name another one",
            )


def user_ids_are_those_of_the_node(config: StackConfig) -> Iterator[Problem]:
    """Only user 0 of the node can read the files."""
    if config.observability.logs is None:
        return
    pods, own = config.kubernetes.pods, config.kubernetes.service_pods.get("log-collector")
    if "platform" in (pods.user_ids, own.user_ids if own else None):
        yield at(
            "observability.logs",
            "is set, and the cluster assigns user ids (userIds: platform)",
            "the log files of a node belong to user 0: collectors could not read them",
            "leave observability.logs out, and use the log forwarding of the cluster",
        )


def images_of_logs_are_used(config: StackConfig) -> Iterator[Problem]:
    """Images are named where they run, with digests outside dev."""
    logs, section = config.observability.logs, config.observability
    stored = logs is not None and logs.sink is None and section.kind == "standalone"
    collects = logs is not None or section.traces is not None
    of_collector = "observability.logs or observability.traces"
    for field, image, runs, of in (
        ("collector", config.images.collector, collects, of_collector),
        ("logStore", config.images.log_store, stored, "observability.logs"),
    ):
        if image is not None and not runs:
            yield at(
                f"images.{field}",
                f"is set, and nothing of {of} runs it",
                "it would have no effect",
                f"remove it, or set {of}",
            )
        if image is None and runs and config.environment != "dev":
            yield at(
                f"images.{field}",
                f"is missing, and {of} is set",
                "what runs tomorrow may not be what was tested today",
                f"name it with its digest: {VERSIONS['images'][field]}@sha256:…",
            )


LOG_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability",), lines_have_a_sink),
    (("observability.logs",), the_token_is_read),
    (("observability.logs", "servers", "kubernetes"), the_namespace_of_collectors_is_theirs),
    (("observability.logs", "kubernetes"), user_ids_are_those_of_the_node),
    (("observability", "images", "environment"), images_of_logs_are_used),
]
"""Each rule with what it reads."""
