"""Which tokens the servers of a stack accept, in the args of components."""

from __future__ import annotations

from typing import Any

from components.mcp.auth import AdditionalIssuer

from .config.protocol import Protocol


def token_rules(protocol: Protocol) -> dict[str, Any]:
    """The fields of ``TokenIssuer``: the same for every target, except for the audience.

    The audience is the URL of the target, which each component knows.
    """
    return {
        "issuer": protocol.issuer,
        "additional_audiences": protocol.additional_audiences,
        "additional_issuers": [
            AdditionalIssuer(issuer=other.issuer, jwks_url=other.jwks_url)
            for other in protocol.additional_issuers
        ],
        "required_scopes": protocol.required_scopes,
        "access_tokens_only": protocol.access_tokens_only,
        "clock_skew_seconds": protocol.clock_skew_seconds,
        "jwks_max_age_seconds": protocol.jwks_max_age_seconds,
    }
