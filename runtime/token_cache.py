"""Caches accepted tokens, because a signature check costs more than a call."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from mcp.server.auth.provider import AccessToken

from .tokens import Tokens

TOKENS_KEPT = 4096
"""Above this number, the oldest tokens are removed."""


@dataclass(frozen=True, slots=True)
class _Accepted:
    """The principal of an accepted token, and the key and time that limit its validity.

    Attributes:
        issuer, kid: the key set, and the key in it that the token names.
        generation: of the key set.
        until: seconds since the epoch at which the token expires, with the allowed skew.
    """

    principal: AccessToken
    issuer: str
    kid: str | None
    generation: int
    until: float


@dataclass(frozen=True)
class CachedTokens(Tokens):
    """Checks a token once while it is valid and its issuer's keys stay as they are.

    The cache key is the SHA-256 digest of token and resource: no token is in memory. Keys are still
    read again when they are old, and tokens of changed keys are checked again. Refused tokens are
    not cached.
    """

    accepted: dict[bytes, _Accepted] = field(default_factory=dict[bytes, _Accepted])

    async def accept(self, token: str, resource: str) -> AccessToken:
        """As `Tokens.accept`."""
        digest = hashlib.sha256(f"{resource}\n{token}".encode(errors="surrogateescape")).digest()
        known = self.accepted.get(digest)
        if known is not None:
            keys = self.keys[known.issuer]
            await keys.find(known.kid)  # reads the keys again if they are old
            if keys.generation == known.generation and time.time() < known.until:
                return known.principal
            self.accepted.pop(digest, None)
        principal = await Tokens.accept(self, token, resource)
        self._store(digest, token, principal)
        return principal

    def _store(self, digest: bytes, token: str, principal: AccessToken) -> None:
        issuer = (principal.claims or {})["iss"]
        header: dict[str, Any] = jwt.get_unverified_header(token)
        assert principal.expires_at is not None
        if len(self.accepted) >= TOKENS_KEPT:
            del self.accepted[next(iter(self.accepted))]
        self.accepted[digest] = _Accepted(
            principal=principal,
            issuer=issuer,
            kid=header.get("kid"),
            generation=self.keys[issuer].generation,
            until=principal.expires_at + self.auth.clock_skew_seconds,
        )
