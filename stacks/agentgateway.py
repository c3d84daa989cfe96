"""What the engine agentgateway changes in a stack: its image, its checks of tokens, its flows."""

from __future__ import annotations

from collections.abc import Iterator

from components.kubernetes.agentgateway_args import Agentgateway
from components.kubernetes.gateway_programs import METRICS
from components.kubernetes.party import Flow

from .config.stack import StackConfig
from .topologies.topology import ISSUER, PROMETHEUS, Topology


def has_agentgateway(config: StackConfig) -> bool:
    """Whether the gateway's pods run agentgateway."""
    return config.images.gateway_engine == "agentgateway"


def gateway_image(config: StackConfig) -> str:
    """The image of the gateway's pods."""
    own = config.images.agentgateway if has_agentgateway(config) else None
    return own or config.images.gateway  # the rules refuse agentgateway without an image


def checks_tokens(config: StackConfig) -> bool:
    """Whether the gateway has tokens checked, by itself or by the authorizer."""
    return any(server.auth == "gateway" for server in config.exposed_servers.values())


def asks_an_authorizer(config: StackConfig) -> bool:
    """Whether the gateway asks another server to check tokens."""
    return checks_tokens(config) and not has_agentgateway(config)


def token_checks(config: StackConfig) -> Agentgateway | None:
    """How agentgateway checks tokens; None where it checks none."""
    if not (has_agentgateway(config) and checks_tokens(config)):
        return None
    protocol = config.protocol
    return Agentgateway(
        jwks_url=protocol.jwks_url,
        jwks_secret=None if protocol.jwks_url else config.secrets.issuer_keys,
        additional_audiences=protocol.additional_audiences,
        scopes={
            name: [*protocol.required_scopes, *server.scopes]
            for name, server in config.exposed_servers.items()
            if server.auth == "gateway"
        },
        clock_skew_seconds=protocol.clock_skew_seconds,
    )


def agentgateway_flows(topology: Topology, config: StackConfig) -> Iterator[Flow]:
    """What its pods connect to, and what connects to them, besides what nginx has."""
    if not has_agentgateway(config):
        return
    front = topology.front.service
    yield Flow(source=PROMETHEUS, target=front, port=METRICS, why="metrics of the gateway")
    known = any(flow.source == front and flow.target == ISSUER for flow in topology.flows)
    if config.protocol.jwks_url and checks_tokens(config) and not known:
        yield Flow(source=front, target=ISSUER, port=443, why="signing keys")
