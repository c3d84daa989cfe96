"""Probes of the gateway: the pods that send them, and what Prometheus tells them to ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from components.base.versions import VERSIONS
from components.kubernetes.gateway import HTTPS
from components.kubernetes.party import Flow
from components.kubernetes.pod_settings import SecretKey
from components.mcp.target import MCP_PATH, METADATA_PATH

from .config.observability import Probes
from .config.pods import SecretKey as Written
from .config.stack import StackConfig
from .monitoring import BLACKBOX_EXPORTER, has_probes, own_probes
from .placement import placement
from .pod_settings import pod_settings
from .topologies.topology import ISSUER, Topology

if TYPE_CHECKING:
    from components.observability.blackbox_exporter import BlackboxExporterArgs
    from components.observability.probes import ProbedTool, ProbeToken
    from components.observability.targets import ProbedUrl


def probe_flows(config: StackConfig, topology: Topology) -> list[Flow]:
    """From the exporter to the gateway, at the port that clients connect to, and to the issuer."""
    section = own_probes(config)
    if section is None:
        return []
    front = topology.front.service
    flows = [Flow(source=BLACKBOX_EXPORTER, target=front, port=HTTPS, why="probes")]
    if section.token:
        # It stands for one to each port of the issuer's keys.
        flows.append(Flow(source=BLACKBOX_EXPORTER, target=ISSUER, port=443, why="tokens"))
    return flows


def probed_urls(config: StackConfig, topology: Topology) -> list[ProbedUrl]:
    """What is asked: the gateway's Service, under the public name."""
    section = own_probes(config)
    if section is None:
        return []
    from components.observability.probes import DISCOVERY, METADATA, TOOL_CALL, UNAUTHORIZED
    from components.observability.targets import ProbedUrl

    front = topology.front
    service = front.service_name or f"{front.service}-service"
    inside = f"https://{service}.{placement(config).of(front.service)}.svc"
    paths = {UNAUTHORIZED: MCP_PATH, METADATA: f"{METADATA_PATH}{MCP_PATH}"}
    if section.token:
        paths |= {DISCOVERY: MCP_PATH}
    if section.tool:
        paths |= {TOOL_CALL: MCP_PATH}
    return [
        ProbedUrl(
            module=module,
            url=f"{inside}{path}",
            instance=f"https://{config.domain}{path}",
            namespace=config.namespace,
        )
        for module, path in paths.items()
    ]


def has_public_probes(config: StackConfig) -> bool:
    """Whether a blackbox_exporter of the user probes the public address."""
    operator = config.observability.operator
    return bool(config.domain and operator and operator.blackbox_exporter)


def public_urls(config: StackConfig) -> list[ProbedUrl]:
    """What a blackbox_exporter of the user asks: the public address, without a token."""
    if config.domain is None or not has_probes(config):
        return []
    from components.observability.probes import METADATA, UNAUTHORIZED
    from components.observability.targets import ProbedUrl

    paths = {UNAUTHORIZED: MCP_PATH, METADATA: f"{METADATA_PATH}{MCP_PATH}"}
    base = f"https://{config.domain}"
    return [
        ProbedUrl(
            module=module,
            url=f"{base}{path}",
            instance=f"{base}{path}",
            namespace=config.namespace,
        )
        for module, path in paths.items()
    ]


def public_modules(config: StackConfig) -> str:
    """The configuration of that exporter; empty without one."""
    if not (urls := public_urls(config)) or config.domain is None:
        return ""
    from components.observability.probes import blackbox_config

    mcp_url, prm_url = (one.url for one in urls)
    return blackbox_config(mcp_url, prm_url, config.domain, None)


def blackbox_exporter_args(
    config: StackConfig, namespaces: Mapping[str, pulumi.Input[str]]
) -> BlackboxExporterArgs | None:
    """The args of the exporter; None if the stack sends no probes."""
    section = own_probes(config)
    if section is None or config.domain is None:
        return None
    from components.observability.blackbox_exporter import BlackboxExporterArgs

    return BlackboxExporterArgs(
        namespace=namespaces[placement(config).of(BLACKBOX_EXPORTER)],
        image=config.images.blackbox_exporter or VERSIONS["images"]["blackboxExporter"],
        domain=config.domain,
        tls_secret=config.secrets.internal_tls_of(BLACKBOX_EXPORTER),
        ca=_key(section.ca),
        token=_token(section),
        tool=_tool(section),
        era=config.protocol.era,
        ip_families=config.kubernetes.ip_families,
        pods=pod_settings(config, BLACKBOX_EXPORTER),
    )


def _token(section: Probes) -> ProbeToken | None:
    from components.observability.probes import ProbeToken

    written = section.token
    secret = _key(written.client_secret) if written else None
    if written is None or secret is None:
        return None
    return ProbeToken(
        url=written.url,
        client_id=written.client_id,
        client_secret=secret,
        scopes=written.scopes,
        parameters=written.parameters,
        ca=_key(written.ca),
    )


def _tool(section: Probes) -> ProbedTool | None:
    from components.observability.probes import ProbedTool

    written = section.tool
    if written is None:
        return None
    return ProbedTool(
        name=written.name, answer=written.answer, arguments=json.dumps(written.arguments)
    )


def _key(written: Written | None) -> SecretKey | None:
    return SecretKey(secret=written.secret, key=written.key) if written else None
