"""The certificate of the TLS port; loaded again when its files change."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from .logs import event
from .toml_config import StartError

LOOK_SECONDS = 5.0
Written = tuple[tuple[int, int, int], ...]


class Certificate:
    """A TLS 1.3 server context whose certificate and key come from two files.

    Each renewal is loaded into a new context, which a handshake takes over from `context`. A pair
    that does not fit, such as a half-written one, thus leaves the old one as it is.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self.cert = cert
        self.key = key
        self.seen = self._written()
        try:
            self.context = self.current = self._loaded()
        except OSError as error:
            raise StartError(
                f"{cert} and {key} are not a certificate and its key: {_reason(error)}"
            ) from None
        self.context.sni_callback = self._take_over

    async def follow(self, look_seconds: float = LOOK_SECONDS) -> None:
        """Reload the files whenever they change, until cancelled; later handshakes use them."""
        failed: Written | None = None
        while True:
            await asyncio.sleep(look_seconds)
            written = self._written()
            if written == self.seen:
                continue
            try:
                self.current = self._loaded()
            except OSError as error:  # perhaps only one file is new yet: try again
                if written != failed:
                    event("certificate_unreadable", logging.WARNING, failure=_reason(error))
                failed = written
            else:
                self.seen = written
                event("certificate_renewed")

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.cert, self.key)
        return context

    def _take_over(
        self, handshake: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _: ssl.SSLContext
    ) -> None:
        """Serve the newest certificate; OpenSSL calls this for every handshake, named or not."""
        handshake.context = self.current

    def _written(self) -> Written:
        """What changes when a file is replaced, also by a symbolic link to one of the same time."""
        return tuple(map(file_identity, (self.cert, self.key)))


def file_identity(path: Path) -> tuple[int, int, int]:
    """What changes when a file is replaced; the same for each file that cannot be read."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def _reason(error: OSError) -> str | None:
    return getattr(error, "reason", None) or error.strerror
