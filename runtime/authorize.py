"""Checks tokens for other servers: the gateway asks before it forwards a request to one of them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from mcp.server.auth.provider import AccessToken
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .audit import NOT_RECORDED, Audit
from .audit_writer import NotRecordedError
from .auth import Guard, metadata_response, misdirected
from .config import Config
from .exchange import exchange_of
from .protected_resources_config import ProtectedResourceSection
from .resource import MCP_PATH, METADATA_PATH, MisdirectedError, resource_of
from .tokens import Tokens
from .user_headers import user_headers

PATH = "/authorize"
LONGEST_CACHED_SECONDS = 5
"""How long the gateway may use an answer again: a withdrawn key is noticed within this time."""
REFUSAL = "x-refusal"
"""Header with the body of the answer to the client: nginx passes no body on."""


@dataclass(frozen=True)
class ProtectedResources:
    """The servers of `[[protected_resources]]`, and the checker of their tokens.

    Attributes:
        audit: records each answer; None without an audit log.
    """

    tokens: Tokens
    sections: tuple[ProtectedResourceSection, ...]
    audit: Audit | None = None

    @classmethod
    def of(cls, config: Config, tokens: Tokens, audit: Audit | None = None) -> ProtectedResources:
        """Those of the configuration."""
        return cls(tokens, config.protected_resources, audit)

    def routes(self) -> list[Route]:
        """`/authorize`, and the metadata of each server; none without servers."""
        if not self.sections:
            return []
        return [
            Route(PATH, _Authorize(self)),
            *(
                Route(f"{METADATA_PATH}{section.path}", self._metadata_of(section))
                for section in self.sections
            ),
        ]

    def guard(self, request: HTTPConnection) -> Guard | None:
        """What the gateway asks for, by its headers `X-Resource-Path` and `X-Resource-Host`.

        None if no such server is configured.

        Raises:
            MisdirectedError: as `resource_of`.
        """
        path, host = (request.headers.get(f"x-resource-{part}") for part in ("path", "host"))
        for section in self.sections:
            if section.path == path and host in (None, section.hostname):
                if (exchange := exchange_of(request.scope)) is not None:
                    exchange.asked_for = path
                return self._guard(section, request, own_host=host is not None)
        return None

    def at_host(self, request: HTTPConnection) -> Guard | None:
        """The server whose own host name the request asks for; None if it is no server's."""
        name = request.headers.get("host", "").partition(":")[0].lower()
        for section in self.sections:
            if section.hostname == name:
                return self._guard(section, request, own_host=True)
        return None

    def _guard(
        self, section: ProtectedResourceSection, request: HTTPConnection, *, own_host: bool
    ) -> Guard:
        auth = self.tokens.auth
        if own_host:
            base, path = f"https://{section.hostname}", MCP_PATH
        else:
            base, path = resource_of(auth, request).removesuffix(MCP_PATH), section.path
        return Guard(
            self.tokens,
            resource=f"{base}{path}",
            metadata_url=f"{base}{METADATA_PATH}{path}",
            scopes=tuple(dict.fromkeys((*auth.required_scopes, *section.scopes))),
        )

    def _metadata_of(self, section: ProtectedResourceSection) -> Any:
        async def metadata(request: Request) -> Response:
            try:
                guard = self._guard(section, request, own_host=False)
            except MisdirectedError as error:
                return misdirected(error)
            return metadata_response(guard)

        return metadata


class _Authorize:
    """Answers nginx's `auth_request`: 200 with the user's headers, 401, 403, or 503."""

    def __init__(self, resources: ProtectedResources) -> None:
        self.resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        if scope["method"] != "GET":
            return Response(status_code=405, headers={"allow": "GET"})
        try:
            guard = self.resources.guard(HTTPConnection(scope))
        except MisdirectedError as error:
            return _refused(misdirected(error), 403)
        if guard is None:
            body = {"error": "forbidden", "error_description": "there is no such server"}
            return _refused(JSONResponse(body, 403))
        verdict = await guard.check(Headers(scope=scope).get("authorization", ""))
        if isinstance(verdict, Response):
            return _refused(verdict)
        lifetime = _lifetime(verdict)
        if (audit := self.resources.audit) is not None:
            lifetime = "no-store"  # each request has a row
            try:
                await audit.admission(Headers(scope=scope), exchange_of(scope))
            except NotRecordedError:
                body = {"error": "temporarily_unavailable", "error_description": NOT_RECORDED}
                return JSONResponse(body, 503, {"cache-control": "no-store"})
        return Response(headers={**user_headers(verdict), "cache-control": lifetime})


def _refused(answer: Response, status: int | None = None) -> Response:
    """The answer, never cached, with its body in a header as well."""
    body: Mapping[str, Any] = json.loads(cast("bytes", answer.body))
    answer.status_code = status or answer.status_code
    answer.headers[REFUSAL] = json.dumps(body)  # ASCII
    answer.headers["cache-control"] = "no-store"
    return answer


def _lifetime(principal: AccessToken) -> str:
    """How long the gateway may use the answer, as `Cache-Control`: never longer than the token.

    nginx counts whole seconds from when it reads the answer, which may be in the next second.
    """
    left = int((principal.expires_at or 0) - time.time()) - 1
    seconds = min(LONGEST_CACHED_SECONDS, left)
    return f"max-age={seconds}" if seconds >= 1 else "no-store"
