"""Requires bearer tokens, and serves the metadata that tells clients where to get one."""

from __future__ import annotations

import logging
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.authentication import AuthCredentials
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .auth_config import AuthSection
from .exchange import exchange_of
from .issuer_keys import NoKeysError
from .logs import event
from .resource import METADATA_PATH, MisdirectedError, metadata_url, resource_of
from .tokens import InsufficientScopeError, TokenRefusedError, Tokens

NO_TOKEN = "a bearer token is required"  # noqa: S105 - a reason


class RequireToken:
    """ASGI middleware that answers 401 with a challenge unless the bearer token is valid.

    The challenge (RFC 6750) names the protected-resource metadata (RFC 9728) and the scopes that a
    token needs. A valid token without those gets 403 `insufficient_scope`.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self.app = app
        self.tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            resource = resource_of(self.tokens.auth, HTTPConnection(scope))
        except MisdirectedError as misdirected:
            await _misdirected(misdirected)(scope, receive, send)
            return
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            # RFC 6750, 3.1: no error code in the challenge of a request without a token
            body = {"error": "unauthorized", "error_description": NO_TOKEN}
            challenge = self._challenge(resource)
            await JSONResponse(body, 401, challenge)(scope, receive, send)
            return
        try:
            principal = await self.tokens.accept(token.strip(), resource)
        except TokenRefusedError as refused:
            answer = self._refusal(401, "invalid_token", str(refused), resource)
        except InsufficientScopeError as lacking:
            answer = self._refusal(403, "insufficient_scope", str(lacking), resource)
        except NoKeysError:
            body = {
                "error": "temporarily_unavailable",
                "error_description": "no keys to check tokens",
            }
            answer = JSONResponse(body, 503, {"retry-after": "5"})
        else:
            scope["auth"] = AuthCredentials(principal.scopes)
            scope["user"] = AuthenticatedUser(principal)
            if (exchange := exchange_of(scope)) is not None:
                exchange.subject = principal.subject
            answer = self.app
        await answer(scope, receive, send)

    def _refusal(self, status: int, error: str, reason: str, resource: str) -> Response:
        event("token_refused", logging.WARNING, error=error, reason=reason)
        body = {"error": error, "error_description": reason}
        challenge = self._challenge(resource, error=error, error_description=reason)
        return JSONResponse(body, status, challenge)

    def _challenge(self, resource: str, **parameters: str) -> dict[str, str]:
        if scopes := self.tokens.auth.required_scopes:
            parameters["scope"] = " ".join(scopes)
        parameters["resource_metadata"] = metadata_url(resource)
        values = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
        return {"www-authenticate": f"Bearer {values}"}


def metadata_routes(auth: AuthSection) -> list[Route]:
    """Routes of the RFC 9728 metadata: for the root and for the path `/mcp`."""

    async def metadata(request: Request) -> Response:
        try:
            resource = resource_of(auth, request)
        except MisdirectedError as misdirected:
            return _misdirected(misdirected)
        document: dict[str, Any] = {
            "resource": resource,
            "authorization_servers": [issuer.issuer for issuer in auth.issuers],
            "bearer_methods_supported": ["header"],
        }
        if auth.required_scopes:
            document["scopes_supported"] = list(auth.required_scopes)
        return JSONResponse(
            document,
            headers={
                "cache-control": "public, max-age=300",
                "vary": "host, x-forwarded-host, x-forwarded-proto",
            },
        )

    return [Route(METADATA_PATH, metadata), Route(f"{METADATA_PATH}/mcp", metadata)]


def _misdirected(error: MisdirectedError) -> Response:
    """421 (RFC 9110, 15.5.20): the client may try another connection."""
    body = {"error": "misdirected_request", "error_description": str(error)}
    return JSONResponse(body, 421)
