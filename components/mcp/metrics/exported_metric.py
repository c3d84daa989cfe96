"""What is known of a metric that a program exports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram", "info"]
Unit = Literal["", "seconds", "bytes"]
Exporter = Literal[
    "server",
    "workers",
    "gateway",
    "audit",
    "audit_results",
    "valkey",
    "node",
    "postgres",
    "backups",
    "volumes",
    "ages",
    "sessions",
    "tool_servers",
    "egress",
    "logs",
    "log_forwarder",
    "traces",
    "trace_store",
    "prometheus",
    "alertmanager",
]
"""``server``: an MCP server, in each role, and the bridge. ``workers``: the parent process of a
server with several worker processes. ``gateway``: the exporter beside the gateway's nginx.
``audit``: a server that writes to the audit log; ``audit_results``: the same, once the job that
keeps the log has run. ``node``: a server with a QuDAG node that has peers, besides what a server
exports. ``backups``: a server with a database that has been backed up. ``volumes``: the same, once
a job has backed up or read back volumes. ``ages``: a server with a database. ``sessions``: a
server that keeps legacy sessions in its process, and the bridge. ``tool_servers``: a server that
offers the tools of other servers. ``egress``: Envoy, the egress proxy. ``logs``: a collector of log
lines. ``log_forwarder``: what forwards them to Elasticsearch or OpenSearch. ``traces``: the
collector of traces. ``trace_store``: Jaeger.
``prometheus``, ``alertmanager``: the platform's own, about themselves."""


@dataclass(frozen=True, kw_only=True)
class ExportedMetric:
    """A metric and who exports it.

    Attributes:
        name: as in a query; of a histogram without ``_bucket``, ``_count`` and ``_sum``.
        kind: its type in Prometheus; an ``info`` is a gauge of 1 with labels.
        unit: of its values; empty for a number of things.
        labels: names of its labels, in the order in which the program sets them.
        exporters: the programs that export it.
        meaning: what it counts or measures; the text of its HELP line.
        convention: the metric of OpenTelemetry's conventions for MCP that it corresponds to.
        sources: the source documents that name it, such as ``S0``.
    """

    name: str
    kind: Kind
    meaning: str
    unit: Unit = ""
    labels: tuple[str, ...] = ()
    exporters: tuple[Exporter, ...] = ("server",)
    convention: str | None = None
    sources: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """Its name without the ending of its kind, as Python's client takes it."""
        return self.name.removesuffix({"counter": "_total", "info": "_info"}.get(self.kind, ""))
