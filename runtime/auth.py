"""Checks bearer tokens, and serves the metadata that tells clients where to get one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import jwt
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.authentication import AuthCredentials
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .config import AuthSection
from .exchange import exchange_of
from .issuer_keys import KeySet, NoKeysError

METADATA_PATH = "/.well-known/oauth-protected-resource"
LEEWAY_SECONDS = 10
_AUTHORITY = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")


class TokenRefusedError(Exception):
    """A token was refused; the message is sent to the client."""


@dataclass(frozen=True)
class Tokens:
    """Checks tokens against one issuer, one audience and the issuer's keys."""

    auth: AuthSection
    keys: KeySet

    async def accept(self, token: str) -> AccessToken:
        """Return the principal of a valid `token`; raises `TokenRefusedError` or `NoKeysError`."""
        try:
            key = await self.keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise TokenRefusedError(
                    "the token is signed with a key that its issuer does not publish"
                )
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self.auth.audience,
                issuer=self.auth.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefusedError("the token has expired") from None
        except jwt.InvalidAudienceError:
            raise TokenRefusedError("the token is meant for another audience") from None
        except jwt.InvalidIssuerError:
            raise TokenRefusedError("the token is from another issuer") from None
        except jwt.InvalidTokenError:
            raise TokenRefusedError("the token is not valid") from None
        scope = claims.get("scope", "")
        return AccessToken(
            token="",  # a checked token is not kept in memory
            client_id=str(claims.get("client_id") or claims.get("azp") or claims["sub"]),
            scopes=scope.split() if isinstance(scope, str) else [],
            expires_at=int(claims["exp"]),
            resource=self.auth.audience,
            subject=claims["sub"],
            claims={"iss": claims["iss"]},
        )


class RequireToken:
    """ASGI middleware that answers 401 with a challenge unless the bearer token is valid.

    The challenge (RFC 6750) names the protected-resource metadata (RFC 9728).
    """

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self.app = app
        self.tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            await self._refusal(scope, None)(scope, receive, send)
            return
        try:
            principal = await self.tokens.accept(token.strip())
        except TokenRefusedError as refused:
            await self._refusal(scope, str(refused))(scope, receive, send)
            return
        except NoKeysError:
            body = {
                "error": "temporarily_unavailable",
                "error_description": "no keys to check tokens",
            }
            await JSONResponse(body, 503, {"retry-after": "5"})(scope, receive, send)
            return
        scope["auth"] = AuthCredentials(principal.scopes)
        scope["user"] = AuthenticatedUser(principal)
        if (exchange := exchange_of(scope)) is not None:
            exchange.subject = principal.subject
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope, reason: str | None) -> Response:
        base = resource_url(self.tokens.auth, HTTPConnection(scope)).removesuffix("/mcp")
        challenge = [f'resource_metadata="{base}{METADATA_PATH}/mcp"']
        body = {"error": "unauthorized", "error_description": "a bearer token is required"}
        if reason is not None:  # RFC 6750, 3.1: no error code for a request without a token
            challenge = ['error="invalid_token"', f'error_description="{reason}"', *challenge]
            body = {"error": "invalid_token", "error_description": reason}
        return JSONResponse(body, 401, {"www-authenticate": f"Bearer {', '.join(challenge)}"})


def metadata_routes(auth: AuthSection) -> list[Route]:
    """Routes of the RFC 9728 metadata: for the root and for the path `/mcp`."""

    async def metadata(request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "resource": resource_url(auth, request),
                "authorization_servers": [auth.issuer],
                "bearer_methods_supported": ["header"],
            },
            headers={
                "cache-control": "public, max-age=300",
                "vary": "host, x-forwarded-host, x-forwarded-proto",
            },
        )

    return [Route(METADATA_PATH, metadata), Route(f"{METADATA_PATH}/mcp", metadata)]


def resource_url(auth: AuthSection, request: HTTPConnection) -> str:
    """The public URL of `/mcp`: as configured, else from the proxy's X-Forwarded headers."""
    if auth.resource_url is not None:
        return auth.resource_url
    scheme = request.scope["scheme"].replace("ws", "http")
    proto = request.headers.get("x-forwarded-proto", scheme)
    host = request.headers.get("x-forwarded-host") or request.headers.get("host", "")
    if proto not in ("http", "https") or not _AUTHORITY.fullmatch(host):
        proto, host = "https", "invalid"
    return f"{proto}://{host}{request.scope.get('root_path', '')}/mcp"
