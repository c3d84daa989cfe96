"""Asks a libp2p peer for its peer id by the first half of a Noise handshake.

https://github.com/libp2p/specs/tree/master/noise: Noise_XX_25519_ChaChaPoly_SHA256, up to the
responder's message. That message carries the peer's signed identity key. The dialling side closes
the connection before it sends its own identity.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_SELECT = (b"/multistream/1.0.0\n", b"/noise\n")
_NOISE = b"Noise_XX_25519_ChaChaPoly_SHA256"
_SIGNED = b"noise-libp2p-static-key:"
_ED25519 = b"\x08\x01\x12\x20"  # PublicKey { Type: Ed25519, Data: 32 bytes }
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class PeerError(Exception):
    """The answer is not that of a libp2p peer with an Ed25519 identity."""


async def peer_id(host: str, port: int) -> str:
    """The id of the libp2p peer at this address.

    Raises:
        OSError: nothing accepts connections there.
        PeerError: the answer is not a libp2p peer's, or its identity signature is wrong.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return await _identify(reader, writer)
    except (EOFError, ValueError, InvalidTag, InvalidSignature) as wrong:
        raise PeerError(f"{host}:{port} is not a libp2p peer: {wrong!r}") from wrong
    finally:
        writer.close()


async def _identify(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    writer.write(b"".join(bytes([len(line)]) + line for line in _SELECT))
    for line in _SELECT:
        if await reader.readexactly(len(line) + 1) != bytes([len(line)]) + line:
            raise ValueError("it does not speak Noise")
    ours, noise = X25519PrivateKey.generate(), _Noise()
    point = ours.public_key().public_bytes_raw()
    noise.mix(point)
    noise.mix(b"")
    writer.write(len(point).to_bytes(2, "big") + point)
    message = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    noise.mix(message[:32])
    noise.agree(ours, message[:32])
    static = noise.opened(message[32:80])
    noise.agree(ours, static)
    fields = _fields(noise.opened(message[80:]))
    return _proven(identity=fields.get(1, b""), signature=fields.get(2, b""), static=static)


class _Noise:
    """The symmetric state of a Noise handshake: hash and chaining key."""

    def __init__(self) -> None:
        self._chain = self._hash = _NOISE
        self._key = b""
        self.mix(b"")

    def mix(self, part: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + part).digest()

    def agree(self, ours: X25519PrivateKey, theirs: bytes) -> None:
        """Mix a Diffie-Hellman result into the chaining key and derive the next cipher key."""
        shared = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
        seed = hmac.digest(self._chain, shared, "sha256")
        self._chain = hmac.digest(seed, b"\x01", "sha256")
        self._key = hmac.digest(seed, self._chain + b"\x02", "sha256")

    def opened(self, sealed: bytes) -> bytes:
        plain = ChaCha20Poly1305(self._key).decrypt(bytes(12), sealed, self._hash)
        self.mix(sealed)
        return plain


def _fields(message: bytes) -> dict[int, bytes]:
    """Decode a protobuf message whose fields are all byte strings."""
    found: dict[int, bytes] = {}
    while message:
        tag, size, rest = message[0], 0, message[1:]
        for place, byte in enumerate(rest):
            size |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                rest = rest[place + 1 :]
                break
        found[tag >> 3], message = rest[:size], rest[size:]
    return found


def _proven(*, identity: bytes, signature: bytes, static: bytes) -> str:
    """The peer id of `identity`, once its signature of the static Noise key is verified."""
    if not identity.startswith(_ED25519):
        raise ValueError("its identity is not an Ed25519 key")
    key = Ed25519PublicKey.from_public_bytes(identity.removeprefix(_ED25519))
    key.verify(signature, _SIGNED + static)
    return _base58(b"\x00" + bytes([len(identity)]) + identity)


def _base58(content: bytes) -> str:
    number, digits = int.from_bytes(content, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "1" * (len(content) - len(content.lstrip(b"\x00"))) + digits
