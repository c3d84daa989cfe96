"""Requires bearer tokens, and serves the metadata that tells clients where to get one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.authentication import AuthCredentials
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .exchange import current
from .issuer_keys import NoKeysError
from .logs import event
from .resource import METADATA_PATH, MisdirectedError, metadata_url, resource_of
from .tokens import InsufficientScopeError, TokenRefusedError, Tokens
from .tracing import failed, span

NO_TOKEN = "a bearer token is required"  # noqa: S105 - a reason


@dataclass(frozen=True)
class Guard:
    """What a bearer token is checked for.

    Attributes:
        tokens: the checker; its own `required_scopes` are among `scopes`.
        resource: the URL that the token must name.
        metadata_url: where the metadata (RFC 9728) of that resource is.
        scopes: what the token needs.
    """

    tokens: Tokens
    resource: str
    metadata_url: str
    scopes: tuple[str, ...]

    @classmethod
    def of_request(cls, tokens: Tokens, request: HTTPConnection) -> Guard:
        """For this server's own resource; raises `MisdirectedError`."""
        resource = resource_of(tokens.auth, request)
        return cls(tokens, resource, metadata_url(resource), tokens.auth.required_scopes)

    async def check(self, authorization: str) -> AccessToken | Response:
        """The principal of the token in an `Authorization` header, or the refusal of the request.

        A refusal is 401 or 403 with a challenge (RFC 6750) that names metadata and scopes, or 503.
        """
        with span("check token") as made:
            verdict = await self._check(authorization)
            if isinstance(verdict, Response):
                failed(made, str(verdict.status_code))
            return verdict

    async def _check(self, authorization: str) -> AccessToken | Response:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            # RFC 6750, 3.1: no error code in the challenge of a request without a token
            body = {"error": "unauthorized", "error_description": NO_TOKEN}
            _explain_refusal(NO_TOKEN)
            return JSONResponse(body, 401, self._challenge())
        try:
            principal = await self.tokens.accept(token.strip(), self.resource)
            if missing := [scope for scope in self.scopes if scope not in principal.scopes]:
                raise InsufficientScopeError(missing, principal)
        except TokenRefusedError as refused:
            return self._refusal(401, "invalid_token", str(refused))
        except InsufficientScopeError as lacking:
            _name_caller(lacking.principal)
            return self._refusal(403, "insufficient_scope", str(lacking))
        except NoKeysError:
            body = {
                "error": "temporarily_unavailable",
                "error_description": "no keys to check tokens",
            }
            return JSONResponse(body, 503, {"retry-after": "5"})
        _name_caller(principal)
        return principal

    def _refusal(self, status: int, error: str, reason: str) -> Response:
        event("token_refused", logging.WARNING, error=error, reason=reason)
        _explain_refusal(f"{error}: {reason}")
        body = {"error": error, "error_description": reason}
        return JSONResponse(body, status, self._challenge(error=error, error_description=reason))

    def _challenge(self, **parameters: str) -> dict[str, str]:
        if self.scopes:
            parameters["scope"] = " ".join(self.scopes)
        parameters["resource_metadata"] = self.metadata_url
        values = ", ".join(f'{name}="{value}"' for name, value in parameters.items())
        return {"www-authenticate": f"Bearer {values}"}


def _name_caller(principal: AccessToken) -> None:
    """Say in the record of the request whose token it has."""
    if (exchange := current.get()) is not None:
        exchange.subject = principal.subject
        exchange.issuer = (principal.claims or {}).get("iss")
        exchange.client_id = principal.client_id


def _explain_refusal(reason: str) -> None:
    if (exchange := current.get()) is not None:
        exchange.refusal = reason


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
            guard = Guard.of_request(self.tokens, HTTPConnection(scope))
        except MisdirectedError as error:
            await misdirected(error)(scope, receive, send)
            return
        verdict = await guard.check(Headers(scope=scope).get("authorization", ""))
        if isinstance(verdict, Response):
            await verdict(scope, receive, send)
            return
        scope["auth"] = AuthCredentials(verdict.scopes)
        scope["user"] = AuthenticatedUser(verdict)
        await self.app(scope, receive, send)


def metadata_routes(
    tokens: Tokens, other: Callable[[HTTPConnection], Guard | None] = lambda _: None
) -> list[Route]:
    """Routes of the RFC 9728 metadata: for the root and for the path `/mcp`.

    Args:
        other: the resource of another server, if the request asks for its host name.
    """

    async def metadata(request: Request) -> Response:
        try:
            guard = other(request) or Guard.of_request(tokens, request)
        except MisdirectedError as error:
            return misdirected(error)
        return metadata_response(guard)

    return [Route(METADATA_PATH, metadata), Route(f"{METADATA_PATH}/mcp", metadata)]


def metadata_response(guard: Guard) -> Response:
    """The metadata (RFC 9728) of a resource."""
    document: dict[str, Any] = {
        "resource": guard.resource,
        "authorization_servers": [issuer.issuer for issuer in guard.tokens.auth.issuers],
        "bearer_methods_supported": ["header"],
    }
    if guard.scopes:
        document["scopes_supported"] = list(guard.scopes)
    return JSONResponse(
        document,
        headers={
            "cache-control": "public, max-age=300",
            "vary": "host, x-forwarded-host, x-forwarded-proto",
        },
    )


def misdirected(error: MisdirectedError) -> Response:
    """421 (RFC 9110, 15.5.20): the client may try another connection."""
    body = {"error": "misdirected_request", "error_description": str(error)}
    return JSONResponse(body, 421)
