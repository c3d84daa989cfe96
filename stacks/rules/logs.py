"""What must hold between `observability.logs` and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.arg_forms import DATA_STREAM
from components.base.problems import Problem

from ..config.logs import LOGS, STORES, LogRetention, LogSink
from ..config.stack import StackConfig
from .rule import Rule, at, path_of

_SINK: Final = "observability.logs.sink"


def security_events_have_an_index(config: StackConfig) -> Iterator[Problem]:
    """Security events are not among other lines."""
    logs = config.observability.logs
    if logs is not None and logs.sink is not None and logs.sink.index == logs.sink.security_index:
        yield at(
            f"{_SINK}.securityIndex",
            f"is {logs.sink.security_index}, as index is",
            "whoever may read log lines could read security events",
            "give security events an index of their own",
        )


def writing_and_deleting_have_separate_logins(config: StackConfig) -> Iterator[Problem]:
    """Elasticsearch and OpenSearch: one login appends lines, another deletes old ones."""
    logs = config.observability.logs
    if logs is None or logs.sink is None:
        return
    sink, retention = logs.sink, logs.sink.retention
    if sink.kind not in STORES:
        for field, value in (
            ("user", sink.user),
            ("password", sink.password),
            ("retention", retention),
        ):
            if value is not None:
                yield at(
                    f"{_SINK}.{field}",
                    f"is set, and kind is {sink.kind}",
                    "it is for elasticsearch and opensearch: it would have no effect",
                    "remove it; write a login to other sinks in token",
                )
        return
    yield from _login_problems(_SINK, sink)
    if sink.header != "Authorization":
        yield at(
            f"{_SINK}.header",
            f"is {sink.header}, and kind is {sink.kind}",
            "the store reads the login from the header Authorization",
            "remove it",
        )
    tokens = [sink.token, retention.token if retention else None]
    if any(tokens) and sink.scheme not in ("ApiKey", "Bearer"):
        yield at(
            f"{_SINK}.scheme",
            f"is {sink.scheme}, and kind is {sink.kind}",
            "a token would not be sent as the store expects it",
            "write ApiKey or Bearer; for a login with a password set user and password",
        )
    if not any(tokens) and sink.scheme != "Bearer":
        yield at(
            f"{_SINK}.scheme",
            f"is {sink.scheme}, and there is no token",
            "a password is always sent as Basic: it would have no effect",
            "leave scheme out",
        )
    for field, name in (("index", sink.index), ("securityIndex", sink.security_index)):
        if problem := DATA_STREAM.problem(f"{_SINK}.{field}", name):
            yield at(problem.path, problem.what, problem.consequence, problem.fix)
    if retention is None:
        yield at(
            f"{_SINK}.retention",
            f"is missing, and kind is {sink.kind}",
            "nothing would make the data streams, so no line would be stored, and no line deleted",
            "name its user and password, which may make and delete indexes; days is 90 by default",
        )
        return
    yield from _login_problems(f"{_SINK}.retention", retention)
    same_user = sink.user is not None and sink.user == retention.user
    given = [one for one in (sink.password, sink.token) if one is not None]
    if same_user or retention.password in given or retention.token in given:
        yield at(
            f"{_SINK}.retention",
            "has the login of the sink",
            "whoever takes over the forwarder could delete log lines",
            "give the sink a login that may only append, and this one another",
        )


def _login_problems(path: str, section: LogSink | LogRetention) -> Iterator[Problem]:
    """A login is a user with a password, or a token."""
    if (section.user is None) != (section.password is None):
        missing = "user" if section.user is None else "password"
        yield at(
            f"{path}.{missing}",
            "is missing, and the other of user and password is set",
            "there would be no login: the store would answer with 401",
            "set both",
        )
    elif (section.user is None) == (section.token is None):
        both = section.token is not None
        yield at(
            f"{path}.token" if both else f"{path}.user",
            "is set, and user as well" if both else "is missing, and token as well",
            "the login would be ambiguous"
            if both
            else "there would be no login: the store would answer with 401",
            "set either user and password, or token",
        )


def collectors_have_a_namespace_of_their_own(config: StackConfig) -> Iterator[Problem]:
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


LOG_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability.logs",), security_events_have_an_index),
    (("observability.logs",), writing_and_deleting_have_separate_logins),
    (("observability.logs", "servers", "kubernetes"), collectors_have_a_namespace_of_their_own),
    (("observability.logs", "kubernetes"), user_ids_are_those_of_the_node),
]
"""Each rule with what it reads."""
