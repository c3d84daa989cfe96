"""Section `observability.logs`: what reads the log files of pods, and where their lines go."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from .forms import Bytes, Url, Word
from .otlp_sink import OtlpSink
from .pods import SecretKey
from .section import Section

LOGS: Final = "logs"
"""Key in ``kubernetes.namespaces`` of the namespace of the collectors."""


class LogRetention(Section):
    """The job that makes the data streams in Elasticsearch or OpenSearch, and deletes old lines."""

    days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="An index is deleted when its newest line is older. A new one begins each day.",
    )
    user: Word | None = Field(
        default=None,
        description="A user that may make index templates and data streams, and delete indexes.",
    )
    password: SecretKey | None = Field(default=None, description="Its password.")
    token: SecretKey | None = Field(
        default=None,
        description="In place of user and password, a token; it is sent with the scheme of the "
        "sink.",
    )


class LogSink(OtlpSink):
    """Where the lines are sent: Elasticsearch, OpenSearch, Loki, or any other that takes OTLP."""

    kind: Literal["elasticsearch", "opensearch", "loki", "otlp"] = Field(
        description="elasticsearch, opensearch: with a data stream for each index. loki: Grafana "
        "Loki, with a tenant for each index. otlp: any other that takes OTLP over TLS."
    )
    url: Url = Field(
        description="URL of the sink, without /otlp/v1/logs of Loki and /v1/logs of others, which "
        "are appended."
    )
    index: Word = Field(
        default="qudag-mcp-logs",
        description="Index of all lines but security events: the data stream; the tenant of Loki; "
        "with otlp the value of the resource's attribute log.index.",
    )
    security_index: Word = Field(
        default="qudag-mcp-security", description="The same of security events."
    )
    user: Word | None = Field(
        default=None,
        description="For elasticsearch and opensearch: a user that may append to both data "
        "streams, and nothing else.",
    )
    password: SecretKey | None = Field(default=None, description="The password of user.")
    token: SecretKey | None = Field(
        default=None,
        description="Key with the token, which has no spaces; absent: no token is sent, but user "
        "and password if set.",
    )
    retention: LogRetention | None = Field(
        default=None,
        description="How long the data streams keep lines, with a login of its own; required for "
        "elasticsearch and opensearch, refused for others.",
    )


STORES: Final = ("elasticsearch", "opensearch")
"""Kinds of sinks that have data streams, in which a forwarder writes."""


class LogStore(Section):
    """VictoriaLogs of the platform's own, with observability.kind standalone and without a sink."""

    retention_days: int = Field(
        default=90, ge=1, le=3650, description="Days after which lines are deleted."
    )
    size: Bytes = Field(
        default="20Gi",
        description="Its volume, of the class data.storageClass. The oldest days are deleted "
        "earlier when 80 % of it are full.",
    )


class Logs(Section):
    """A collector on each node, which masks the lines of the platform's pods and sends them."""

    sink: LogSink | None = Field(
        default=None,
        description="Where lines go; absent with observability.kind standalone: to a store of the "
        "platform's own.",
    )
    store: LogStore | None = Field(
        default=None, description="Options of the store of the platform's own; refused with a sink."
    )
    addresses: Literal["keep", "network", "drop"] = Field(
        default="network",
        description="IP addresses: network keeps 24 bits of IPv4 and 32 of IPv6; drop leaves none.",
    )
    subjects: Literal["keep", "hash", "drop"] = Field(
        default="hash",
        description="Callers in the lines: hash keeps the first 16 digits of the SHA-256.",
    )
    queue_bytes: Bytes = Field(
        default="1Gi",
        description="Most bytes of undelivered lines on the disk of a node, in each of two queues.",
    )
