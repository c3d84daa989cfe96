"""Section `images`: the container images."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.base.versions import VERSIONS

from .forms import Image
from .section import Section


class Images(Section):
    """The container images, each with a tag in dev and a digest in staging and prod."""

    server: Image = Field(
        default=VERSIONS["images"]["server"],
        description="The MCP server of every role; runtime/ in this repository.",
    )
    gateway: Image = Field(
        default=VERSIONS["images"]["gateway"],
        description="nginx, or your own gateway.",
    )
    gateway_engine: Literal["nginx", "agentgateway", "image"] = Field(
        default="nginx",
        description="nginx, agentgateway: with a generated configuration; image: runs unchanged.",
    )
    agentgateway: Image | None = Field(
        default=None, description="agentgateway 1.4; required if gatewayEngine is agentgateway."
    )
    qudag_node: Image | None = Field(
        default=None, description="QuDAG node; absent: the server image, which has the role."
    )
    qudag_profile: Literal["seed", "upstream"] = Field(
        default="seed",
        description="seed: reads node.toml, HTTP probes; upstream: the released program, which "
        "needs qudagNode.",
    )
    postgres: Image = Field(
        default=VERSIONS["images"]["postgres"], description="Embedded PostgreSQL."
    )
    valkey: Image = Field(default=VERSIONS["images"]["valkey"], description="Embedded Valkey.")
    postgres_exporter: Image | None = Field(
        default=None,
        description="postgres_exporter, with data.databaseExporter; absent in dev: "
        f"{VERSIONS['images']['postgresExporter']}.",
    )
    valkey_exporter: Image | None = Field(
        default=None,
        description="redis_exporter, with data.valkey.exporter; absent in dev: "
        f"{VERSIONS['images']['valkeyExporter']}.",
    )
    prometheus: Image | None = Field(
        default=None,
        description="Prometheus, with observability.kind standalone; absent in dev: "
        f"{VERSIONS['images']['prometheus']}.",
    )
    alertmanager: Image | None = Field(
        default=None,
        description="Alertmanager, with observability.kind standalone and receivers; absent in "
        f"dev: {VERSIONS['images']['alertmanager']}.",
    )
    blackbox_exporter: Image | None = Field(
        default=None,
        description="blackbox_exporter, with observability.standalone.probes; absent in dev: "
        f"{VERSIONS['images']['blackboxExporter']}.",
    )
    grafana: Image | None = Field(
        default=None,
        description="Grafana 13, with observability.standalone.grafana; not its variant slim. "
        f"Absent in dev: {VERSIONS['images']['grafana']}.",
    )
    collector: Image | None = Field(
        default=None,
        description="OpenTelemetry Collector, distribution contrib, with observability.logs or "
        f"observability.traces; absent in dev: {VERSIONS['images']['collector']}.",
    )
    log_store: Image | None = Field(
        default=None,
        description="VictoriaLogs, with observability.logs and kind standalone; absent in dev: "
        f"{VERSIONS['images']['logStore']}.",
    )
    trace_store: Image | None = Field(
        default=None,
        description="Jaeger 2, with observability.traces and kind standalone; absent in dev: "
        f"{VERSIONS['images']['traceStore']}.",
    )
    egress_proxy: Image | None = Field(
        default=None,
        description="Envoy, where a server lists hosts outside; absent in dev: "
        f"{VERSIONS['images']['envoy']}.",
    )
