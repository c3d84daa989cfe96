"""The headers that name the user to a server that gets no token."""

from __future__ import annotations

import string
from urllib.parse import quote

from mcp.server.auth.provider import AccessToken

USER = "x-user"
SCOPES = "x-user-scopes"
CLIENT = "x-user-client"
USER_HEADERS = (USER, SCOPES, CLIENT)
_KEPT = string.punctuation.replace("%", "")


def user_headers(token: AccessToken) -> dict[str, str]:
    """The subject of a checked token, its scopes with spaces between them, and its client.

    Characters other than visible ASCII, and `%`, are percent-encoded UTF-8: a header cannot hold
    them.
    """
    return {
        USER: _encoded(token.subject or ""),
        SCOPES: " ".join(map(_encoded, token.scopes)),
        CLIENT: _encoded(token.client_id),
    }


def _encoded(text: str) -> str:
    return quote(text, safe=_KEPT, errors="replace")
