"""Encryption of the vault's entries: AES-256-GCM with a key of each user.

The keys are derived (HKDF-SHA256) from the vault's master key and the user's name, so that every
replica has them and none is stored. Whoever has the master key can decrypt all entries.
"""

from __future__ import annotations

import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .master_key import KeysError, derived, masters
from .user_keys_config import MasterKeySection

VERSION = b"\x01"
NONCE = 12


class VaultKeys:
    """The keys of all users' entries under one master key."""

    def __init__(self, section: MasterKeySection) -> None:
        self.section = section

    def encrypted(self, value: str, owner: str, name: str) -> bytes:
        """A value of the user's vault, as it is stored; raises `NoKeysError`."""
        nonce = os.urandom(NONCE)
        cipher = AESGCM(_key(masters(self.section)[0], owner))
        return VERSION + nonce + cipher.encrypt(nonce, value.encode(), _bound_to(owner, name))

    def decrypted(self, stored: bytes, owner: str, name: str) -> str:
        """The value that is stored for that user under that name.

        Raises:
            KeysError: it is another user's or another name's, has been changed, or the master key
                is another one.
        """
        nonce, rest = stored[1 : 1 + NONCE], stored[1 + NONCE :]
        for master in masters(self.section) if stored[:1] == VERSION and rest else []:
            try:
                cipher = AESGCM(_key(master, owner))
                return cipher.decrypt(nonce, rest, _bound_to(owner, name)).decode()
            except InvalidTag:
                continue
        raise KeysError("The stored value was encrypted with another key, or is damaged")


def _key(master: bytes, owner: str) -> bytes:
    return derived(master, "vault", owner, 32)


def _bound_to(owner: str, name: str) -> bytes:
    return json.dumps([owner, name]).encode()
