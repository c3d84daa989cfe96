"""A libp2p peer for tests: the responder's half of a Noise XX handshake."""

from __future__ import annotations

import hashlib
import hmac
import socketserver
import threading
from collections.abc import Generator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

PROTOCOL = b"Noise_XX_25519_ChaChaPoly_SHA256"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _hkdf(chain: bytes, secret: bytes) -> tuple[bytes, bytes]:
    seed = hmac.digest(chain, secret, "sha256")
    first = hmac.digest(seed, b"\x01", "sha256")
    return first, hmac.digest(seed, first + b"\x02", "sha256")


class Peer:
    """A peer's identity, and its answer to a dialling peer.

    Attributes:
        signer: the key that signs; with another key than the identity's the answer is forged.
    """

    def __init__(self) -> None:
        self.identity = self.signer = Ed25519PrivateKey.generate()

    @property
    def public(self) -> bytes:
        """The public key in libp2p's encoding."""
        return b"\x08\x01\x12\x20" + self.identity.public_key().public_bytes_raw()

    def answer(self, point: bytes) -> bytes:
        """The second handshake message, for the dialler's ephemeral key ``point``."""
        ours, static = X25519PrivateKey.generate(), X25519PrivateKey.generate()
        theirs = X25519PublicKey.from_public_bytes(point)
        written = static.public_key().public_bytes_raw()
        signature = self.signer.sign(b"noise-libp2p-static-key:" + written)
        payload = b"".join(
            bytes([field << 3 | 2, len(value)]) + value
            for field, value in ((1, self.public), (2, signature))
        )
        ephemeral = ours.public_key().public_bytes_raw()
        seen = _sha256(_sha256(_sha256(_sha256(PROTOCOL), point)), ephemeral)
        chain, key = _hkdf(PROTOCOL, ours.exchange(theirs))
        sealed_static = ChaCha20Poly1305(key).encrypt(bytes(12), written, seen)
        seen = _sha256(seen, sealed_static)
        _, key = _hkdf(chain, static.exchange(theirs))
        return ephemeral + sealed_static + ChaCha20Poly1305(key).encrypt(bytes(12), payload, seen)

    @contextmanager
    def listening(self, port: int, host: str = "127.0.0.1") -> Generator[None]:
        """Listen at this address until the context ends."""
        peer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for _ in range(2):  # multistream-select: accept every protocol
                    size = self.rfile.read(1)
                    if not size:
                        return
                    self.wfile.write(size + self.rfile.read(size[0]))
                point = self.rfile.read(int.from_bytes(self.rfile.read(2), "big"))
                message = peer.answer(point)
                self.wfile.write(len(message).to_bytes(2, "big") + message)
                self.rfile.read(1)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        with Server((host, port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


def public_key_of(peer_id: str) -> bytes:
    """The public key in a peer id."""
    number = 0
    for digit in peer_id.removeprefix("1"):
        number = number * 58 + BASE58.index(digit)
    content = number.to_bytes(37, "big")
    assert content[0] == 36, "no identity multihash of an Ed25519 key"
    return content[1:]
