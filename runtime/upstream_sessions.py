"""Binds the session ids of the role `front`'s program to the users who opened the sessions."""

from __future__ import annotations

import base64
import hashlib
import hmac

from mcp_types import INVALID_REQUEST
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from .principals import principal_of
from .upstream_headers import SESSION

SEPARATOR = b"."
"""Between the program's session id and its seal, which has no such character."""


class ForeignSessionError(Exception):
    """The request names a session that its user did not get from this server."""


class SealedSessions:
    """Appends a keyed digest of the session id and the user to the id that a client gets.

    Nothing is stored, so the number of sessions has no limit here. The key lives as long as this
    process, which the sessions do not outlive: they are in the program's memory in the same task.
    """

    def __init__(self, key: bytes) -> None:
        self.key = key

    def of_program(self, scope: Scope) -> bytes | None:
        """The program's id of the session that a request names; None if it names none.

        Raises:
            ForeignSessionError: its user did not get that id, or it names two.
        """
        shown = [value for name, value in scope["headers"] if name == SESSION]
        if len(shown) > 1:
            raise ForeignSessionError
        return self.opened(shown[0], principal_of(scope)) if shown else None

    def sealed(self, session_id: bytes, user: str | None) -> bytes:
        """The session id for the client."""
        return session_id + SEPARATOR + self._seal(session_id, user)

    def opened(self, shown: bytes, user: str | None) -> bytes:
        """The program's session id; raises `ForeignSessionError` unless this user got it."""
        session_id, _, seal = shown.rpartition(SEPARATOR)
        if not hmac.compare_digest(seal, self._seal(session_id, user)):
            raise ForeignSessionError
        return session_id

    def _seal(self, session_id: bytes, user: str | None) -> bytes:
        # The length keeps a part of the user from being read as a part of the id.
        said = b"%d %b%b" % (len(session_id), session_id, (user or "").encode())
        digest = hmac.new(self.key, said, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=")


def no_session() -> Response:
    """The answer to a session that is not the user's: the same as to one that does not exist."""
    error = {"code": INVALID_REQUEST, "message": "Session not found"}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 404)
