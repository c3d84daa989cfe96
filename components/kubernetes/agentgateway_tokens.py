"""Policies of agentgateway that check tokens, and set the headers that name the user.

Expressions are in the Common Expression Language (CEL). An error in a rule refuses
the request; an error in the value of a header leaves the header out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..mcp.server_config import ISSUER_PATH
from ..mcp.target import MCP_PATH
from .agentgateway_args import Agentgateway
from .gateway_args import GatewayArgs
from .routes import Route

LONGEST_SUBJECT: Final = 255
REQUIRED_CLAIMS: Final = ("exp", "iss", "aud", "sub")
"""Without this list a token without ``aud`` or ``iss`` is accepted."""

# `scope` is one string in RFC 9068; Entra ID and Okta use `scp`; some issuers send lists.
_SCOPES: Final = 'coalesce(jwt.scope.split(" "), jwt.scope, jwt.scp.split(" "), jwt.scp, [])'
# Visible ASCII without `%` stays as it is, as in the headers that the reference server sends.
_ENCODED: Final = '{0}.matches("^[!-$&-~]+$") ? {0} : url.encode({0})'


def resource(args: GatewayArgs, route: Route, *, own_host: bool) -> str:
    """The URL of a route: the audience of its tokens."""
    if own_host:
        return f"https://{route.hostname}{MCP_PATH}"
    return f"https://{args.domain}{route.served_at}"


def scopes_of(settings: Agentgateway, route: Route) -> list[str]:
    """The scopes of a token for a route, each once."""
    return list(dict.fromkeys(settings.scopes.get(route.name, ())))


def metadata(args: GatewayArgs, url: str, scopes: Sequence[str]) -> str:
    """The metadata of a route (RFC 9728)."""
    document = {
        "resource": url,
        "authorization_servers": [args.issuer],
        "bearer_methods_supported": ["header"],
        **({"scopes_supported": scopes} if scopes else {}),
    }
    return json.dumps(document)


def authentication(args: GatewayArgs, settings: Agentgateway, url: str) -> dict[str, Any]:
    """Only tokens of the issuer for this URL; a refusal names the metadata of the URL."""
    return {
        # The default lets requests without a token through.
        "mode": "strict",
        "issuer": args.issuer,
        "audiences": [url, *settings.additional_audiences],
        "jwks": (
            {"url": settings.jwks_url}
            if settings.jwks_url
            else {"file": f"{ISSUER_PATH}/jwks.json"}
        ),
        "jwtValidationOptions": {"requiredClaims": list(REQUIRED_CLAIMS)},
        "resourceMetadata": {"resource": url},
    }


def authorization(
    settings: Agentgateway, scopes: Sequence[str], pages: Sequence[str]
) -> dict[str, Any]:
    """The rules for claims of a verified token, and for the web page that sends the request."""
    skew = settings.clock_skew_seconds
    allowed = f"request.headers.origin in {json.dumps(list(pages))}"
    required = [
        f"timestamp(int(jwt.exp) + {skew}) > request.startTime",
        f"!has(jwt.nbf) || timestamp(int(jwt.nbf) - {skew}) <= request.startTime",
        f'jwt.sub.matches("\\\\S") && size(jwt.sub) <= {LONGEST_SUBJECT}',
        # An ID token (OpenID Connect) and a security event (RFC 8417) are no access tokens.
        "!has(jwt.at_hash) && !has(jwt.events)",
        *(f"{json.dumps(scope)} in {_SCOPES}" for scope in scopes),
        f'!("origin" in request.headers) || {allowed}',
    ]
    return {"rules": [{"require": expression} for expression in required]}


def user_headers() -> Mapping[str, str]:
    """Headers that name the user; headers of these names that the client sent are replaced."""
    client = "coalesce(jwt.client_id, jwt.azp, jwt.sub)"
    return {
        "x-user": _ENCODED.format("jwt.sub"),
        "x-user-scopes": f'{_SCOPES}.map(s, {_ENCODED.format("s")}).join(" ")',
        "x-user-client": f"{client}.with(c, {_ENCODED.format('c')})",
    }
