"""A master key, and the keys of users that are derived from it."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .user_keys_config import MasterKeySection

SHORTEST_MASTER = 32


class KeysError(Exception):
    """A key, a signature or an encrypted text cannot be used; the message is sent to the caller."""


class NoKeysError(KeysError):
    """The master key cannot be read."""


def masters(section: MasterKeySection) -> list[bytes]:
    """The master keys, the current one first; read for each use, so that a rotation is seen.

    Raises:
        NoKeysError: the file cannot be read, or a key in it is too short.
    """
    try:
        lines = section.master_key_file.read_bytes().split()
    except OSError:
        raise NoKeysError("The server cannot read its master key") from None
    if not lines or any(len(line) < SHORTEST_MASTER for line in lines):
        raise NoKeysError("The server's master key is too short")
    return lines


def derived(master: bytes, purpose: str, owner: str, length: int) -> bytes:
    """A key of one user for one purpose."""
    info = json.dumps(["qudag-mcp", 1, purpose, owner]).encode()
    return HKDF(SHA256(), length, None, info).derive(master)
