"""Rules for the engine agentgateway: required settings, and settings that it does not support."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.kubernetes.agentgateway_args import LEEWAY
from components.mcp.auth import JWKS_MAX_AGE

from ..agentgateway import checks_tokens, has_agentgateway
from ..config.stack import StackConfig
from .rule import Rule, at

_WITH_IT: Final = "and images.gatewayEngine is agentgateway"
_OR_NGINX: Final = "or leave images.gatewayEngine out"


def agentgateway_has_an_image(config: StackConfig) -> Iterator[Problem]:
    """An image of agentgateway, where that is the engine."""
    if has_agentgateway(config):
        if config.images.agentgateway is None:
            yield at(
                "images.agentgateway",
                f"is missing, {_WITH_IT}",
                "there is no default: no digest of it is pinned in this project",
                f"set it to a release of agentgateway that you have checked, {_OR_NGINX}",
            )
    elif config.images.agentgateway is not None:
        yield at(
            "images.agentgateway",
            f"is set, and images.gatewayEngine is {config.images.gateway_engine}",
            "it would have no effect",
            "leave it out, or set images.gatewayEngine: agentgateway",
        )


def agentgateway_has_a_domain(config: StackConfig) -> Iterator[Problem]:
    """The audience of each route is in its configuration."""
    if has_agentgateway(config) and config.domain is None:
        yield at(
            "domain",
            f"is missing, {_WITH_IT}",
            "its configuration names the audience of each route, which contains the domain",
            f"set it to the host name that clients use, such as mcp.example.com, {_OR_NGINX}",
        )


def agentgateway_serves_the_edge(config: StackConfig) -> Iterator[Problem]:
    """Settings of the edge that need nginx."""
    edge = config.edge
    if not has_agentgateway(config):
        return
    networks = "it has no list of trusted proxies: every client could name an address"
    for name, value, consequence in (
        (
            "rateLimits",
            edge.rate_limits,
            "it counts the requests of all clients together: one client could use up the limit",
        ),
        ("trustedProxies", edge.trusted_proxies, networks),
        ("proxyProtocol", edge.proxy_protocol, networks),
    ):
        if value:
            yield at(
                f"edge.{name}", f"is set, {_WITH_IT}", consequence, f"leave it out, {_OR_NGINX}"
            )


def agentgateway_checks_tokens(config: StackConfig) -> Iterator[Problem]:
    """Rules for tokens that agentgateway cannot check."""
    protocol = config.protocol
    if not (has_agentgateway(config) and checks_tokens(config)):
        return
    if protocol.additional_issuers:
        yield at(
            "protocol.additionalIssuers",
            f"is set, {_WITH_IT}",
            "it checks the tokens for a server against one issuer: those of the others would be "
            "refused at /servers, and accepted at /mcp",
            f"leave it out, {_OR_NGINX}",
        )
    if protocol.access_tokens_only:
        yield at(
            "protocol.accessTokensOnly",
            f"is true, {_WITH_IT}",
            "it does not compare the typ of a token: other tokens of the issuer would be accepted",
            f"set it to false, {_OR_NGINX}",
        )
    if protocol.clock_skew_seconds > LEEWAY:
        yield at(
            "protocol.clockSkewSeconds",
            f"is {protocol.clock_skew_seconds}, {_WITH_IT}",
            f"it refuses every token {LEEWAY} s after its expiry",
            f"set it to {LEEWAY} or less, {_OR_NGINX}",
        )
    if protocol.jwks_max_age_seconds != JWKS_MAX_AGE and protocol.jwks_url:
        yield at(
            "protocol.jwksMaxAgeSeconds",
            f"is {protocol.jwks_max_age_seconds}, {_WITH_IT}",
            "it decides itself when to fetch keys again: tokens of a withdrawn key could be "
            "accepted for longer at /servers",
            f"leave it out, {_OR_NGINX}",
        )
    if config.secrets.issuer_ca and protocol.jwks_url:
        yield at(
            "secrets.issuerCa",
            f"is set, {_WITH_IT}",
            "it fetches the keys of the issuer only from a server with a public certificate",
            f"give the issuer a public certificate, {_OR_NGINX}",
        )


AGENTGATEWAY_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("images.agentgateway", "images.gatewayEngine"), agentgateway_has_an_image),
    (("images.gatewayEngine", "domain"), agentgateway_has_a_domain),
    (("images.gatewayEngine", "edge"), agentgateway_serves_the_edge),
    (("images.gatewayEngine", "servers", "protocol", "secrets"), agentgateway_checks_tokens),
]
"""Each rule with what it reads."""
