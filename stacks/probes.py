"""Probes of the gateway: the pods that send them, and what Prometheus tells them to ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from components.base.versions import VERSIONS
from components.kubernetes.gateway import HTTPS
from components.kubernetes.party import Flow
from components.kubernetes.pod_settings import SecretKey
from components.mcp.target import MCP_PATH, METADATA_PATH

from .config.stack import StackConfig
from .monitoring import BLACKBOX_EXPORTER, own_probes
from .placement import placement
from .pod_settings import pod_settings
from .topologies.topology import Topology

if TYPE_CHECKING:
    from components.observability.blackbox_exporter import BlackboxExporterArgs
    from components.observability.targets import ProbedUrl


def probe_flows(config: StackConfig, topology: Topology) -> list[Flow]:
    """From the exporter to the gateway, at the port that clients connect to."""
    if own_probes(config) is None:
        return []
    front = topology.front.service
    return [Flow(source=BLACKBOX_EXPORTER, target=front, port=HTTPS, why="probes")]


def probed_urls(config: StackConfig, topology: Topology) -> list[ProbedUrl]:
    """What is asked: the gateway's Service, under the public name."""
    if own_probes(config) is None:
        return []
    from components.observability.probes import METADATA, UNAUTHORIZED
    from components.observability.targets import ProbedUrl

    front = topology.front
    service = front.service_name or f"{front.service}-service"
    inside = f"https://{service}.{placement(config).of(front.service)}.svc"
    paths = {UNAUTHORIZED: MCP_PATH, METADATA: f"{METADATA_PATH}{MCP_PATH}"}
    return [
        ProbedUrl(
            module=module,
            url=f"{inside}{path}",
            instance=f"https://{config.domain}{path}",
            namespace=config.namespace,
        )
        for module, path in paths.items()
    ]


def blackbox_exporter_args(
    config: StackConfig, namespaces: Mapping[str, pulumi.Input[str]]
) -> BlackboxExporterArgs | None:
    """The args of the exporter; None if the stack sends no probes."""
    section = own_probes(config)
    if section is None or config.domain is None:
        return None
    from components.observability.blackbox_exporter import BlackboxExporterArgs

    signed = section.authority
    return BlackboxExporterArgs(
        namespace=namespaces[placement(config).of(BLACKBOX_EXPORTER)],
        image=config.images.blackbox_exporter or VERSIONS["images"]["blackboxExporter"],
        domain=config.domain,
        tls_secret=config.secrets.internal_tls_of(BLACKBOX_EXPORTER),
        authority=SecretKey(secret=signed.secret, key=signed.key) if signed else None,
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, BLACKBOX_EXPORTER),
    )
