"""What can go wrong with a request to another server, and the circuit breaker."""

from __future__ import annotations

import anyio

FAILURES_IN_A_ROW = 3
OPEN_SECONDS = 5.0


class NoAnswerError(Exception):
    """A server gives no valid result; the message is sent to the caller."""


class UnreachableError(NoAnswerError):
    """The server cannot be reached, or ends the connection without an answer."""

    def __init__(self, server: str, failure: str) -> None:
        super().__init__(f"The server {server} does not answer; try again.")
        self.failure = failure


class CircuitOpenError(NoAnswerError):
    """The server has not answered several times, and is not asked for some seconds."""

    def __init__(self, server: str, seconds: float) -> None:
        super().__init__(
            f"The server {server} does not answer; it is asked again in {max(seconds, 1):.0f} s."
        )


class InvalidAnswerError(NoAnswerError):
    """The server answers with something that is not MCP."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(f"The server {server} gives no valid answer: {reason}.")
        self.reason = reason


class CallerRefusedError(NoAnswerError):
    """The server refuses this caller; another one may be accepted."""

    def __init__(self, server: str, status: int) -> None:
        why = "has had too many requests" if status == 429 else "refuses this caller"
        super().__init__(f"The server {server} {why} (HTTP {status}).")


class CircuitBreaker:
    """A circuit breaker: requests to a server fail at once while it does not answer.

    After `FAILURES_IN_A_ROW` it is open for `OPEN_SECONDS`. Then one request is sent: if it fails
    too, the breaker stays open.
    """

    def __init__(self, server: str) -> None:
        self.server = server
        self.failures = 0
        self.open_until = 0.0

    def admit(self) -> None:
        """Let a request through; raises `CircuitOpenError` while the breaker is open."""
        if self.failures < FAILURES_IN_A_ROW:
            return
        now = anyio.current_time()
        if now < self.open_until:
            raise CircuitOpenError(self.server, self.open_until - now)
        self.open_until = now + OPEN_SECONDS  # this request tries; others wait for its outcome

    def failed(self) -> None:
        """Count a request without an answer."""
        self.failures += 1
        self.open_until = anyio.current_time() + OPEN_SECONDS

    def answered(self) -> None:
        """Close the breaker."""
        self.failures = 0
