"""Post-quantum keys of users, and the encryption and signatures that are made with them.

ML-KEM-768 (FIPS 203) agrees on a key, ML-DSA-65 (FIPS 204) signs, AES-256-GCM encrypts. All keys
of a user are derived (HKDF-SHA256) from the master key and the user's name, so that every replica
has them and none is stored. Whoever has the master key has the keys of all users.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .master_key import KeysError, derived, masters
from .user_keys_config import MasterKeySection

VERSION = b"\x01"
CIPHERTEXT = 1088
"""Bytes of an ML-KEM-768 ciphertext."""
NONCE = 12
CONTEXT = b"qudag-mcp text"
"""Context of signatures (FIPS 204): other protocols do not accept those of `sign`."""


@dataclass(frozen=True)
class PublicKeys:
    """A user's public keys, in base64."""

    ml_kem_768: str
    ml_dsa_65: str


class UserKeys:
    """The keys of all users under one master key."""

    def __init__(self, section: MasterKeySection) -> None:
        self.section = section

    def public(self, owner: str) -> PublicKeys:
        """The public keys of a user; raises `NoKeysError`."""
        master = masters(self.section)[0]
        return PublicKeys(
            _written(_kem_key(master, owner).public_key().public_bytes_raw()),
            _written(_signing_key(master, owner).public_key().public_bytes_raw()),
        )

    def opened(self, sealed: str, owner: str) -> str:
        """The text that was sealed for a public key of this user.

        Raises:
            KeysError: it was sealed for another key, or has been changed.
        """
        read = _read(sealed, "the sealed text")
        head, nonce, rest = read[: 1 + CIPHERTEXT], read[1 + CIPHERTEXT :][:NONCE], read[_HEAD:]
        if head[:1] != VERSION or not rest:
            raise KeysError("This is no sealed text")
        for master in masters(self.section):
            key = _kem_key(master, owner)
            public = key.public_key().public_bytes_raw()
            secret = key.decapsulate(head[1:])
            try:
                return AESGCM(_agreed(secret, public)).decrypt(nonce, rest, head).decode()
            except InvalidTag:
                continue
        raise KeysError("It was sealed for another key than yours, or has been changed")

    def signed(self, text: str, owner: str) -> str:
        """The user's signature of a text, in base64; raises `NoKeysError`."""
        return _written(_signing_key(masters(self.section)[0], owner).sign(text.encode(), CONTEXT))


_HEAD = 1 + CIPHERTEXT + NONCE


def sealed(text: str, public_key: str) -> str:
    """Encrypt a text for the owner of an ML-KEM-768 public key; raises `KeysError`."""
    public = _read(public_key, "the public key")
    try:
        secret, ciphertext = mlkem.MLKEM768PublicKey.from_public_bytes(public).encapsulate()
    except ValueError:
        raise KeysError("The public key is no ML-KEM-768 key") from None
    head, nonce = VERSION + ciphertext, os.urandom(NONCE)
    rest = AESGCM(_agreed(secret, public)).encrypt(nonce, text.encode(), head)
    return _written(head + nonce + rest)


def is_signature(signature: str, text: str, public_key: str) -> bool:
    """Whether the owner of an ML-DSA-65 public key has signed the text; raises `KeysError`."""
    try:
        key = mldsa.MLDSA65PublicKey.from_public_bytes(_read(public_key, "the public key"))
    except ValueError:
        raise KeysError("The public key is no ML-DSA-65 key") from None
    try:
        key.verify(_read(signature, "the signature"), text.encode(), CONTEXT)
    except InvalidSignature:
        return False
    return True


def _kem_key(master: bytes, owner: str) -> mlkem.MLKEM768PrivateKey:
    return mlkem.MLKEM768PrivateKey.from_seed_bytes(derived(master, "ml-kem-768", owner, 64))


def _signing_key(master: bytes, owner: str) -> mldsa.MLDSA65PrivateKey:
    return mldsa.MLDSA65PrivateKey.from_seed_bytes(derived(master, "ml-dsa-65", owner, 32))


def _agreed(secret: bytes, public: bytes) -> bytes:
    """The key of a sealed text: from the shared secret, for one recipient."""
    info = b"qudag-mcp sealed text" + hashlib.sha256(public).digest()
    return HKDF(SHA256(), 32, None, info).derive(secret)


def _written(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _read(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeysError(f"{what[:1].upper()}{what[1:]} is not base64") from None
