"""Settings of a gateway with the engine agentgateway, and the fields that it does not support."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

from ..base.arg_types import Audience, DnsLabel, JwksUrl, ScopeName, SecretName
from ..base.constraints import Range
from ..base.problems import Problem
from .routes import Route

LEEWAY: Final = 60
"""Seconds after the expiry for which agentgateway's JWT library accepts a token. A CEL rule applies
the configured clock skew, which can only be shorter."""
ClockSkew = Annotated[
    int,
    Range(
        least=0,
        most=LEEWAY,
        consequence=f"agentgateway refuses tokens {LEEWAY} s after their expiry",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Agentgateway:
    """How agentgateway checks the tokens for routes with ``auth="gateway"``, without an authorizer.

    A token must be of the gateway's ``issuer`` and for the URL of the route.

    Attributes:
        jwks_url: where the issuer publishes its keys, with a public certificate.
        jwks_secret: Secret with the key ``jwks.json``, for an issuer that publishes none.
        additional_audiences: accepted besides the URL of each route.
        scopes: that a token must have, by the name of the route.
        clock_skew_seconds: how much the clocks of issuer and gateway may differ.
    """

    jwks_url: JwksUrl | None = None
    jwks_secret: SecretName | None = None
    additional_audiences: Sequence[Audience] = ()
    scopes: Mapping[DnsLabel, Sequence[ScopeName]] = field(default_factory=dict[str, Sequence[str]])
    clock_skew_seconds: ClockSkew = 10

    def refusals(self) -> list[Problem]:
        """A problem unless there is exactly one source of keys."""
        if bool(self.jwks_url) != bool(self.jwks_secret):
            return []
        return [
            Problem(
                "jwks_secret",
                "is set, and so is jwks_url" if self.jwks_url else "is missing, and so is jwks_url",
                "agentgateway reads the keys of an issuer from one place, and does not start "
                "without them",
                "set one of the two",
            )
        ]


_NO_NETWORKS: Final = "it has no list of trusted proxies: every client could name an address"
UNSUPPORTED: Final = {
    "rate_limits": "it counts the requests of all clients of a route together",
    "trusted_proxies": _NO_NETWORKS,
    "proxy_protocol": _NO_NETWORKS,
    "additional_domains": "it checks tokens for the URL with the domain only",
    "authorizer": "it would have no effect: agentgateway checks tokens itself",
}
"""Fields of a gateway that need nginx, with the consequence of each."""


def agentgateway_problems(
    settings: Agentgateway | None,
    routes: Sequence[Route],
    *,
    domain: str | None,
    given: Collection[str],
) -> Iterator[Problem]:
    """Settings that the engine needs and lacks, and settings that it does not support.

    Args:
        settings: the checks of tokens.
        routes: of the gateway.
        domain: of the gateway.
        given: the fields of ``UNSUPPORTED`` that are set.
    """
    if domain is None:
        yield Problem(
            "domain",
            "is missing, and engine is GatewayEngine.AGENTGATEWAY",
            "its configuration names the audience of each route, which contains the domain",
            "set domain, or use GatewayEngine.NGINX",
        )
    for name in given:
        yield Problem(
            name,
            "is set, and engine is GatewayEngine.AGENTGATEWAY",
            UNSUPPORTED[name],
            f"leave {name} out, or use GatewayEngine.NGINX",
        )
    checked = [route.name for route in routes if route.auth == "gateway"]
    if checked and settings is None:
        yield Problem(
            "agentgateway",
            f"is missing, and the route {checked[0]} has auth gateway",
            "tokens for this server could not be verified",
            "set agentgateway to an Agentgateway with jwks_url or jwks_secret",
        )
    for name in settings.scopes if settings else ():
        if name not in checked:
            yield Problem(
                f"agentgateway.scopes.{name}",
                "names no route with auth gateway",
                "the scopes would be checked for no request",
                f"one of: {', '.join(checked) or 'none'}",
            )
