"""The public keys of one token issuer, cached with a maximum age."""

from __future__ import annotations

import logging
import time
from typing import Final

import anyio

from .auth_config import AuthSection, IssuerSection
from .jwk_set import JwkSet, Key, Read, UnreadableError, file_reader, parse, url_reader
from .logs import event
from .tracing import client_span, failed

STALE_SECONDS: Final = 3600
"""How long keys are used that cannot be read again. Access tokens seldom live longer than an hour:
after that, only tokens of a key that the issuer may have withdrawn would still be accepted."""
RETRY_SECONDS: Final = 60
"""How long after a failed read the next one is tried."""
UNREADABLE_SECONDS: Final = 2 * RETRY_SECONDS
_MOST_LOGGED: Final = 1000


class NoKeysError(Exception):
    """There are no keys that may be used, so no token can be checked."""


class KeySet:
    """A cached JWK Set.

    It is read again when it is old, when a token names a key that it lacks, and when a signature
    does not fit the key that the token names: an issuer may put a new key under an old id.

    Attributes:
        max_age: seconds after which the set is read again.
        pause: least seconds between two reads because of unknown key ids, and between two reads
            because of wrong signatures, so that forged tokens cause no flood of reads.
        stale: seconds after the last successful read after which the keys are not used any more.
        generation: changes with the keys; cached tokens of an earlier generation are invalid.
    """

    def __init__(
        self, read: Read, max_age: float, pause: float, *, stale: float = STALE_SECONDS
    ) -> None:
        self.read = read
        self.max_age = max_age
        self.pause = pause
        self.stale = stale
        self.generation = 0
        self.keys: dict[str | None, tuple[Key, ...]] = {}
        self.tried_at = float("-inf")
        self.read_at = float("-inf")
        self.failed = False
        self.doubted_at = float("-inf")
        self.lock = anyio.Lock()
        self.published: tuple[Key, ...] = ()
        self.logged: set[tuple[str, str]] = set()

    @classmethod
    def of(cls, issuer: IssuerSection, auth: AuthSection) -> KeySet:
        """The key set of the issuer's `jwks_file` or `jwks_url`."""
        if issuer.jwks_file is not None:
            return cls(file_reader(issuer.jwks_file), max_age=10, pause=1)
        assert issuer.jwks_url is not None
        read = url_reader(issuer.jwks_url, auth.jwks_ca_file)
        return cls(read, max_age=auth.jwks_max_age_seconds, pause=10)

    async def find(self, kid: str | None) -> tuple[Key, ...]:
        """The keys with the id `kid`; without `kid`, the key of a set with only one.

        Raises:
            NoKeysError: there are no keys, or they could not be read again for too long.
        """
        now = time.monotonic()
        limit = self.pause
        if self._lookup(kid):
            limit = min(RETRY_SECONDS, self.max_age) if self.failed else self.max_age
        if now - self.tried_at > limit:
            await self._refresh(since=now)
        elif not self._lookup(kid):
            async with self.lock:
                pass  # another call may be reading the keys just now, as after a start
        return self._usable(kid)

    async def renewed(self, kid: str | None, before: tuple[Key, ...]) -> tuple[Key, ...]:
        """The keys with the id `kid`, read again because a signature fits none of `before`.

        Empty if they are the same, or if they were read again too recently.
        """
        now = time.monotonic()
        if now - self.doubted_at > self.pause:
            self.doubted_at = now
            await self._refresh(since=now)
        found = self._usable(kid)
        return () if found == before else found

    async def check(self) -> None:
        """Read the set now; raises `UnreadableError`, or `NoKeysError` if it has no usable keys."""
        self._take(parse(await self.read()))
        if not self.keys:
            raise NoKeysError

    def readable(self) -> float:
        """0 for two minutes after a read that failed, or until one succeeds; else 1.

        A process without traffic reads nothing, so that it would never see that the issuer answers.
        """
        recently = time.monotonic() - self.tried_at < UNREADABLE_SECONDS
        return 0 if self.failed and recently else 1

    def _lookup(self, kid: str | None) -> tuple[Key, ...]:
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(kid, ())

    def _usable(self, kid: str | None) -> tuple[Key, ...]:
        if self.keys and time.monotonic() - self.read_at > self.stale:
            self.keys, self.published = {}, ()
            self.generation += 1
            event("keys_dropped", logging.ERROR, unread_seconds=round(self.stale))
        if not self.keys:
            raise NoKeysError
        return self._lookup(kid)

    async def _refresh(self, since: float) -> None:
        async with self.lock:
            if self.tried_at >= since:
                return  # read while this call waited for the lock
            self.tried_at = time.monotonic()
            with client_span("read issuer keys") as made:
                try:
                    self._take(parse(await self.read()))
                except Exception as error:  # the keys read before stay valid for a while
                    self.failed = True
                    failed(made, type(error).__name__)
                    known = isinstance(error, UnreadableError)
                    reason = str(error) if known else type(error).__name__
                    event("keys_unreadable", logging.WARNING, reason=reason)

    def _take(self, document: JwkSet) -> None:
        self.tried_at = self.read_at = time.monotonic()
        self.failed = False
        for kid, reason in document.skipped:
            if (kid, reason) not in self.logged and len(self.logged) < _MOST_LOGGED:
                self.logged.add((kid, reason))
                event("key_skipped", logging.WARNING, kid=kid, reason=reason)
        if document.keys == self.published:
            return
        keys: dict[str | None, tuple[Key, ...]] = {}
        for key in document.keys:
            keys[key.kid] = (*keys.get(key.kid, ()), key)
        self.keys, self.published = keys, document.keys
        self.generation += 1
