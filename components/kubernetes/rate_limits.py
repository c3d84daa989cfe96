"""Rate limits of a gateway for each client address."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.arg_types import Burst, Connections, PerSecond
from ..mcp.server_limits import Quota, Rate


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """Limits for one client address in a zone; requests above them are answered 429.

    Attributes:
        requests_per_second: sustained rate.
        burst: requests above the rate, at once.
        connections: concurrent requests or WebSockets; None: no limit.
        streams: standing streams at the same time (GET, ``subscriptions/listen``), of ``api`` only.
    """

    requests_per_second: PerSecond
    burst: Burst
    connections: Connections | None = None
    streams: Connections | None = None


@dataclass(frozen=True, kw_only=True)
class RateLimits:
    """The zones of the orchestration document, with its numbers. Each route has its own of them.

    Attributes:
        api: all HTTP requests but the DELETE of a session.
        websocket: opened WebSockets.
        upload: requests with a body of one megabyte or more; they count as ``api`` too.
    """

    api: RateLimit = RateLimit(requests_per_second=10, burst=20, connections=10, streams=10)
    websocket: RateLimit = RateLimit(requests_per_second=5, burst=10, connections=5)
    upload: RateLimit = RateLimit(requests_per_second=2, burst=5)


@dataclass(frozen=True, kw_only=True)
class UserLimits:
    """Limits for one user at a user's server, where the gateway says who that is (``X-User``).

    Each pod counts, so n pods let n times as many pass. They are those of ServerLimits.

    Attributes:
        messages_per_second: sustained rate of POSTs; 0: no limit.
        burst: messages above the rate, at once.
        streams_per_user: standing streams at the same time (GET, ``subscriptions/listen``).
    """

    messages_per_second: Rate = 10
    burst: Rate = 20
    streams_per_user: Quota = 100
