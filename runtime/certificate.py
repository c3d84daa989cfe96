"""The certificate of the TLS port; loaded again when its files change."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

from .logs import event
from .toml_config import StartError

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
            raise StartError(
                f"{cert} and {key} are not a certificate and its key: {reason}"
            ) from None

    async def follow(self, look_seconds: float = LOOK_SECONDS) -> None:
        """Reload the files whenever they change, until cancelled; later handshakes use them."""
        while True:
            await asyncio.sleep(look_seconds)
            written = self._written()
            if written != self.seen:
                with contextlib.suppress(OSError):  # only one file is new yet
                    self.context.load_cert_chain(self.cert, self.key)
                    self.seen = written
                    event("certificate_renewed")

    def _written(self) -> float:
        try:
            return self.cert.stat().st_mtime
        except OSError:
            return 0.0
