"""The user on whose behalf a request is made: the subject of an issuer's tokens."""

from __future__ import annotations

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.types import Scope


def principal_of(scope: Scope) -> str | None:
    """The issuer and the `sub` of the request's token as one text; None without a token."""
    user = scope.get("user")
    if not isinstance(user, AuthenticatedUser) or user.access_token.subject is None:
        return None
    issuer = (user.access_token.claims or {}).get("iss", "")
    return f"{issuer} {user.access_token.subject}"
