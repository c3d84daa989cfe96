"""Sends events about changed resources to the streams of the user who owns them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio.lowlevel
from mcp.server.subscriptions import ServerEvent, SubscriptionBus

Listener = Callable[[ServerEvent], None]


class UserEvents:
    """The listening streams of this process, by user.

    A user gets no event when another user changes a resource of the same URI.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, dict[object, Listener]] = {}

    async def publish(self, user: str, event: ServerEvent) -> None:
        """Send an event to the streams of `user`."""
        for listener in list(self._listeners.get(user, {}).values()):
            listener(event)
        await anyio.lowlevel.checkpoint()  # so that streams can send before the next event

    def subscribe(self, user: str, listener: Listener) -> Callable[[], None]:
        """Add a listener to the events of `user`; returns what removes it."""
        token = object()
        self._listeners.setdefault(user, {})[token] = listener

        def unsubscribe() -> None:
            listeners = self._listeners.get(user, {})
            listeners.pop(token, None)
            if not listeners:
                self._listeners.pop(user, None)

        return unsubscribe

    def of(self, user: str | None) -> SubscriptionBus:
        """The events of one user, as the SDK's streams read them; none without a user."""
        return _EventsOfUser(self, user)


@dataclass(frozen=True)
class _EventsOfUser:
    events: UserEvents
    user: str | None

    async def publish(self, event: ServerEvent) -> None:
        if self.user is not None:
            await self.events.publish(self.user, event)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        if self.user is None:
            return lambda: None
        return self.events.subscribe(self.user, listener)
