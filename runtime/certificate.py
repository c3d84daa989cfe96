"""The certificate of the TLS port, taken over anew when it is replaced on disk."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

from .logs import event
from .reading import StartError

LOOK_SECONDS = 30.0


class Certificate:
    """A TLS 1.3 server context whose certificate and key come from two files."""

    def __init__(self, cert: Path, key: Path) -> None:
        self.cert = cert
        self.key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.set_alpn_protocols(["http/1.1"])
        self.seen = self._written()
        try:
            self.context.load_cert_chain(cert, key)
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror
            raise StartError(f"{cert} and {key} are no certificate and its key: {reason}") from None

    async def follow(self, look_seconds: float = LOOK_SECONDS) -> None:
        """Take over what is renewed, for as long as the task runs; later handshakes use it."""
        while True:
            await asyncio.sleep(look_seconds)
            written = self._written()
            if written != self.seen:
                with contextlib.suppress(OSError):  # half of the pair is new: look again later
                    self.context.load_cert_chain(self.cert, self.key)
                    self.seen = written
                    event("certificate_renewed")

    def _written(self) -> float:
        try:
            return self.cert.stat().st_mtime
        except OSError:
            return 0.0
