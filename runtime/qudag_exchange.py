"""Key exchange of two nodes over the stand-in's own protocol, which is not the QuDAG project's.

Three lines follow the greeting, each with parts of a known size in base64:

1. The node that connects sends its public key, and one that it makes for this connection.
2. The other one sends its public key, and an ML-KEM-768 ciphertext for each of the two keys.
3. The first one sends a ciphertext for that key, and its id, encrypted. Line 4 is the answer: the
   id of the other node, encrypted.

Both derive the same keys from the three shared secrets and all lines before. Only the owner of a
node's private key can encrypt its id, so each node proves that it has its key. The key of the
connection is deleted: a node's key that is stolen later does not decrypt earlier exchanges.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY = 1184
CIPHERTEXT = 1088
"""Bytes of a public key and of a ciphertext of ML-KEM-768."""
MOST_IN_A_LINE = 8192
NODE_ID = r"\S{1,200}"
_WORD = "exchange"
_TAG = 16
_NONCE = bytes(12)
"""Each key encrypts one text."""


class ExchangeError(Exception):
    """The other node did not follow the protocol, or has not proven its key."""


@dataclass
class _Conversation:
    """The lines of both nodes so far, and the secrets that they share."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    said: list[bytes] = field(default_factory=list[bytes])
    shared: list[bytes] = field(default_factory=list[bytes])

    async def send(self, *parts: bytes) -> None:
        line = base64.b64encode(b"".join(parts))
        self.said.append(line)
        self.writer.write(_WORD.encode() + b" " + line + b"\n")
        await self.writer.drain()

    async def receive(self, *sizes: int) -> list[bytes]:
        """The parts of the next line; the last one has the rest, of at least its size."""
        try:
            word, _, line = (await self.reader.readline()).rstrip(b"\n").partition(b" ")
            content = base64.b64decode(line, validate=True)
        except (ValueError, binascii.Error):  # a line that is too long, too
            raise ExchangeError("the line is not base64, or too long") from None
        if word != _WORD.encode() or len(content) < sum(sizes):
            raise ExchangeError("the other node has ended the exchange")
        self.said.append(line)
        parts: list[bytes] = []
        for size in sizes[:-1]:
            parts.append(content[:size])
            content = content[size:]
        return [*parts, content]

    def keys(self) -> tuple[AESGCM, AESGCM]:
        """The ciphers of the node that connects, and of the other one."""
        heard = hashlib.sha256(b"\n".join(self.said)).digest()
        made = HKDF(SHA256(), 64, None, b"qudag-mcp nodes 1" + heard).derive(b"".join(self.shared))
        return AESGCM(made[:32]), AESGCM(made[32:])


async def ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    greeting: bytes,
    node_id: str,
    key: mlkem.MLKEM768PrivateKey,
) -> tuple[str, str]:
    """Exchange keys with the node that sent `greeting`.

    Returns:
        The other node's id and the SHA-256 of the public key that it has proven to have.

    Raises:
        ExchangeError: it has not proven it.
        OSError: the connection broke.
    """
    talk, once = _Conversation(reader, writer, [greeting]), mlkem.MLKEM768PrivateKey.generate()
    await talk.send(_raw(key.public_key()), _raw(once.public_key()))
    theirs, for_us, for_once, _ = await talk.receive(KEY, CIPHERTEXT, CIPHERTEXT, 0)
    secret, for_them = _public(theirs).encapsulate()
    talk.shared = [once.decapsulate(for_once), key.decapsulate(for_us), secret]
    talk.said.append(base64.b64encode(for_them))
    ours, others = talk.keys()
    await talk.send(for_them, _encrypted(ours, node_id))
    (answered,) = await talk.receive(_TAG)
    return _decrypted(others, answered), hashlib.sha256(theirs).hexdigest()


async def answer(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    greeting: bytes,
    node_id: str,
    key: mlkem.MLKEM768PrivateKey,
) -> tuple[str, str]:
    """Exchange keys with a node that has connected and got `greeting`; as `ask`."""
    talk = _Conversation(reader, writer, [greeting])
    theirs, once, _ = await talk.receive(KEY, KEY, 0)
    secret_of_them, for_them = _public(theirs).encapsulate()
    secret_of_once, for_once = _public(once).encapsulate()
    await talk.send(_raw(key.public_key()), for_them, for_once)
    for_us, proof = await talk.receive(CIPHERTEXT, _TAG)
    talk.said[-1] = base64.b64encode(for_us)
    talk.shared = [secret_of_once, secret_of_them, key.decapsulate(for_us)]
    others, ours = talk.keys()
    other = _decrypted(others, proof)
    await talk.send(_encrypted(ours, node_id))
    return other, hashlib.sha256(theirs).hexdigest()


def _raw(key: mlkem.MLKEM768PublicKey) -> bytes:
    return key.public_bytes_raw()


def _public(raw: bytes) -> mlkem.MLKEM768PublicKey:
    try:
        return mlkem.MLKEM768PublicKey.from_public_bytes(raw)
    except ValueError:
        raise ExchangeError("a key is not one of ML-KEM-768") from None


def _encrypted(cipher: AESGCM, node_id: str) -> bytes:
    return cipher.encrypt(_NONCE, json.dumps(node_id).encode(), None)


def _decrypted(cipher: AESGCM, content: bytes) -> str:
    try:
        text = cipher.decrypt(_NONCE, content, None).decode()
        node_id = json.loads(text)
    except (InvalidTag, ValueError):
        raise ExchangeError("the other node has not proven that it has its key") from None
    if not isinstance(node_id, str) or not re.fullmatch(NODE_ID, node_id):
        raise ExchangeError("the other node has no valid id")
    return node_id
