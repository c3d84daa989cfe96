"""A token that is fetched when it is needed, and renewed before it expires."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

RETRY_SECONDS = 10.0


class TokenError(OSError):
    """No token could be fetched; the message names the service and no secret."""


class Token(NamedTuple):
    """A token and the seconds for which it can be used."""

    text: str
    seconds: float


@dataclass
class RenewedToken:
    """Calls `fetch` before the token expires; may be called by several threads.

    While the service does not answer, the former token is used until it expires; it is asked again
    every `RETRY_SECONDS`.

    Attributes:
        early: renew it so many seconds before it expires, but not in the first half of its life.
    """

    fetch: Callable[[], Token]
    early: float = 300.0
    now: Callable[[], float] = time.monotonic
    _text: str = ""
    _renew_at: float = 0.0
    _expires_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> str:
        """The token; raises `TokenError` if there is none that can be used."""
        with self._lock:
            if not self._text or self.now() >= self._renew_at:
                self._renew()
            return self._text

    def held(self) -> str | None:
        """The last token, without a request; None if there is none, or it has expired."""
        return self._text if self._text and self.now() < self._expires_at else None

    @property
    def due(self) -> bool:
        """Whether a call would ask the service."""
        return self.now() >= self._renew_at

    def _renew(self) -> None:
        asked_at = self.now()
        self._renew_at = asked_at + RETRY_SECONDS
        try:
            token = self.fetch()
        except TokenError:
            if self._text and self.now() < self._expires_at:
                return
            self._text = ""
            raise
        self._text = token.text
        self._expires_at = asked_at + token.seconds
        self._renew_at = self._expires_at - min(self.early, token.seconds / 2)
