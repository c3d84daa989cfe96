"""The token issuer's public keys, from a file or from its JWKS URL."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import jwt

from .config import AuthSection
from .logs import event

FETCH_WITHIN_SECONDS = 5


class NoKeysError(Exception):
    """No keys have been read yet, so no token can be checked."""


class KeySet:
    """A cached JWK Set; read again when it is old or lacks the key that a token names.

    Attributes:
        max_age: seconds after which the set is read again.
        pause: least seconds between two reads, so that invented key ids cause no flood of reads.
    """

    def __init__(self, read: Callable[[], Awaitable[bytes]], max_age: float, pause: float) -> None:
        self.read = read
        self.max_age = max_age
        self.pause = pause
        self.keys: dict[str | None, jwt.PyJWK] = {}
        self.read_at = float("-inf")
        self.lock = anyio.Lock()

    @classmethod
    def of(cls, auth: AuthSection) -> KeySet:
        """The key set of `jwks_file` or `jwks_url`."""
        if auth.jwks_file is not None:
            return cls(_file_reader(auth.jwks_file), max_age=10, pause=1)
        assert auth.jwks_url is not None
        return cls(_address_reader(auth.jwks_url), max_age=300, pause=10)

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """The key with the id `kid`; without `kid`, the key of a set with only one."""
        wanted_by = time.monotonic()
        if wanted_by - self.read_at > (self.pause if self._lookup(kid) is None else self.max_age):
            async with self.lock:
                if self.read_at < wanted_by:
                    await self._refresh()
        if not self.keys:
            raise NoKeysError
        return self._lookup(kid)

    async def check(self) -> None:
        """Read the set now; raises the error of reading it, or `NoKeysError` if it has no keys."""
        keys = parse(await self.read())
        if not keys:
            raise NoKeysError
        self.keys, self.read_at = keys, time.monotonic()

    def _lookup(self, kid: str | None) -> jwt.PyJWK | None:
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(kid)

    async def _refresh(self) -> None:
        self.read_at = time.monotonic()
        try:
            self.keys = parse(await self.read())
        except Exception as error:  # the keys read before stay valid
            event("keys_unreadable", logging.WARNING, failure=type(error).__name__)


def parse(document: bytes) -> dict[str | None, jwt.PyJWK]:
    """The signing keys of a JWK Set by key id, without symmetric keys and unknown types."""
    keys: dict[str | None, jwt.PyJWK] = {}
    entries: list[dict[str, Any]] = json.loads(document)["keys"]
    for entry in entries:
        if entry.get("kty") == "oct" or entry.get("use", "sig") != "sig":
            continue
        try:
            keys[entry.get("kid")] = jwt.PyJWK(entry)
        except jwt.PyJWKError:
            continue  # skip an unknown key type, use the others
    return keys


def _file_reader(path: Path) -> Callable[[], Awaitable[bytes]]:
    async def read() -> bytes:
        return path.read_bytes()

    return read


def _address_reader(url: str) -> Callable[[], Awaitable[bytes]]:
    async def read() -> bytes:
        import httpx2

        async with httpx2.AsyncClient(timeout=FETCH_WITHIN_SECONDS) as client:
            response = await client.get(url, headers={"accept": "application/json"})
            response.raise_for_status()
            return response.content

    return read
