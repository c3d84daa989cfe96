"""Reads the lists of a server, within limits, and caches them."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import anyio.to_thread
from mcp.shared.exceptions import MCPError

from ..logs import event
from .callers import Caller
from .failures import CallerRefusedError, InvalidAnswerError, NoAnswerError
from .kinds import TOOLS, Kind
from .names import SEPARATOR, offered_name, offered_uri, prefix_of
from .upstream import Asked, StaleSchemaError, Upstream

FRESH_SECONDS = 30.0
"""For a list without a TTL."""
LONGEST_FRESH_SECONDS = 300.0
RETRY_SECONDS = 5.0
LIST_WITHIN_SECONDS = 3.0
MOST_PAGES = 20
MOST_ITEMS = 500
LARGEST_LIST = 4 * 1024 * 1024
CHECK_SECONDS = 2.0
"""Of CPU time, to check what one list has."""
SLOW_SECONDS = 60.0
"""How long a server is left out whose list takes longer."""
KEPT_LISTS = 16
KEPT_BYTES = LARGEST_LIST
"""As JSON, of the kept lists, and of the schemas of known tools. In memory it can be 20 times as
much."""
KEPT_CALLERS = 1_000
MOST_KNOWN = 2_000


@dataclass(frozen=True)
class Offer:
    """The items of one list of a server, under the names that this server offers them by.

    Attributes:
        names: the server's own name or URI of each offered one.
        sizes: bytes of each item as JSON, by its offered name.
    """

    items: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def size(self) -> int:
        """Bytes of all items as JSON."""
        return sum(self.sizes.values())


@dataclass(frozen=True)
class _Fresh:
    """A list that one caller may see, or all, until a time."""

    digest: str
    until: float


@dataclass(frozen=True)
class _Listed:
    """What a server has answered: its items, and why there are no more of them."""

    items: list[Any]
    cut: str | None
    ttl: float
    public: bool


class _SlowError(Exception):
    """To check a list takes too long."""


class Lists:
    """The lists of one server.

    Attributes:
        known: every offered name of a tool or prompt in the last lists, by kind, with the server's
            own name and, of a tool, its input schema.
    """

    def __init__(self, upstream: Upstream, servers: frozenset[str]) -> None:
        self.upstream = upstream
        self.others = servers - {upstream.name}
        self.known: dict[str, dict[str, tuple[str, Any]]] = {}
        self._offers: OrderedDict[str, Offer] = OrderedDict()
        self._fresh: OrderedDict[tuple[str, str | None], _Fresh] = OrderedDict()
        self._asking: dict[tuple[str, str], anyio.Lock] = {}
        self._left_out_until = 0.0
        self._faults: dict[str, Any] = {}
        self._known_sizes: dict[str, dict[str, int]] = {}

    async def of(self, kind: Kind, caller: Caller) -> Offer:
        """What the caller is offered; nothing if the server does not answer."""
        if (found := self._cached(kind, caller)) is not None:
            return found
        key = (kind.key, caller.key)
        lock = self._asking.setdefault(key, anyio.Lock())
        try:
            async with lock:
                if (found := self._cached(kind, caller)) is not None:
                    return found
                return await self._asked(kind, caller)
        finally:
            if not lock.statistics().tasks_waiting:
                self._asking.pop(key, None)

    def forget(self, kind: Kind) -> None:
        """Ask for the lists of this kind again."""
        for key in [key for key in self._fresh if key[0] == kind.key]:
            del self._fresh[key]

    def _cached(self, kind: Kind, caller: Caller) -> Offer | None:
        now = anyio.current_time()
        if now < self._left_out_until:
            return Offer()
        for key in ((kind.key, None), (kind.key, caller.key)):
            fresh = self._fresh.get(key)
            if fresh is not None and now < fresh.until and fresh.digest in self._offers:
                return self._offers[fresh.digest]
        return None

    async def _asked(self, kind: Kind, caller: Caller) -> Offer:
        failure: str | None = None
        listed: _Listed | None = None
        try:
            with anyio.move_on_after(LIST_WITHIN_SECONDS):
                listed = await self._read(kind, caller)
        except (CallerRefusedError, MCPError, StaleSchemaError):
            return Offer()  # of this caller; the next one may be accepted
        except InvalidAnswerError as invalid:
            failure = invalid.reason
        except NoAnswerError:
            self._left_out_until = anyio.current_time() + RETRY_SECONDS
            return Offer()
        if listed is None:
            self._left_out_until = anyio.current_time() + RETRY_SECONDS
            if failure is None:
                self.upstream.timed_out()
            else:
                event("tool_server_list", server=self.upstream.name, list=kind.key, failure=failure)
            return Offer()
        digest = hashlib.sha256(json.dumps([kind.key, listed.items]).encode()).hexdigest()
        if digest not in self._offers:
            try:
                offer = await anyio.to_thread.run_sync(
                    self._checked, kind, listed.items, listed.cut
                )
            except _SlowError:
                failure = "its items take too long to check"
                self._left_out_until = anyio.current_time() + SLOW_SECONDS
                event("tool_server_list", server=self.upstream.name, list=kind.key, failure=failure)
                return Offer()
            self._offers[digest] = offer
            self._learn(kind, offer)
        offer = self._offers[digest]
        _kept(self._offers, digest, KEPT_LISTS)
        while len(self._offers) > 1 and sum(o.size for o in self._offers.values()) > KEPT_BYTES:
            self._offers.popitem(last=False)
        key = (kind.key, None if listed.public else caller.key)
        self._fresh[key] = _Fresh(digest, anyio.current_time() + listed.ttl)
        _kept(self._fresh, key, KEPT_CALLERS)
        return offer

    async def _read(self, kind: Kind, caller: Caller) -> _Listed:
        items: list[Any] = []
        cursor: str | None = None
        size, page, cut = 0, 0, None
        ttl, public = LONGEST_FRESH_SECONDS, True
        while True:
            params = {} if cursor is None else {"cursor": cursor}
            try:
                result = await self.upstream.send(Asked(kind.method, params, caller))
            except MCPError:
                if page:
                    raise
                result = {}  # a server without this kind has no such method
            page += 1
            listed = result.get(kind.key, [])
            if not isinstance(listed, list):
                raise InvalidAnswerError(self.upstream.name, f"{kind.key} is no list")
            items += cast("list[Any]", listed)
            size += len(json.dumps(listed))
            ttl = min(ttl, _ttl(result))
            public = public and result.get("cacheScope") == "public"
            cursor = result.get("nextCursor")
            if len(items) > MOST_ITEMS or size > LARGEST_LIST:
                cut, items = "too long", _first(items)
                break
            if not isinstance(cursor, str):
                break
            if page == MOST_PAGES:
                cut = "too many pages"
                break
        return _Listed(items, cut, ttl, public)

    def _checked(self, kind: Kind, items: list[Any], cut: str | None) -> Offer:
        """Offer the items that clients can use; log the others, once for each change of them."""
        offered: dict[str, tuple[str, dict[str, Any]]] = {}
        faults: Counter[str] = Counter()
        latest = time.thread_time() + CHECK_SECONDS
        for item in items:
            if time.thread_time() > latest:
                raise _SlowError
            fault = kind.fault(item, check_schema=self.upstream.section.send_user)
            if fault is None:
                own = item[kind.identity]
                name = self._offered(kind, own)
                if name in offered:
                    fault = "twice"
                else:
                    offered[name] = (own, {**item, kind.identity: name})
            if fault is not None:
                faults[fault] += 1
        noted = (dict(faults), cut)
        if noted != self._faults.get(kind.key, ({}, None)):
            self._faults[kind.key] = noted
            event(
                "tool_server_list",
                server=self.upstream.name,
                list=kind.key,
                left_out=dict(faults) or None,
                cut=cut,
            )
        return Offer(
            items=[item for _, item in offered.values()],
            names={name: own for name, (own, _) in offered.items()},
            sizes={name: len(json.dumps(item)) for name, (_, item) in offered.items()},
        )

    def _offered(self, kind: Kind, own: str) -> str:
        if not kind.named:
            return offered_uri(self.upstream.name, own)
        if not self.upstream.section.send_user and SEPARATOR in own:
            # The name has the prefix of a third server already, whose tools this one offers. It is
            # not trusted if the prefix is the name of another configured server.
            origin = prefix_of(own)
            if origin and origin not in self.others:
                return own
        return offered_name(self.upstream.name, own)

    def _learn(self, kind: Kind, offer: Offer) -> None:
        if not kind.named:
            return
        known = self.known.setdefault(kind.key, {})
        sizes = self._known_sizes.setdefault(kind.key, {})
        for item in offer.items:
            name = item[kind.identity]
            known.pop(name, None)  # the newest are last
            known[name] = (offer.names[name], item.get("inputSchema") if kind is TOOLS else None)
            sizes[name] = offer.sizes[name]
        total = sum(sizes.values())
        for name in list(known):
            if len(known) <= MOST_KNOWN and total <= KEPT_BYTES:
                break
            del known[name]
            total -= sizes.pop(name)


def _kept(entries: OrderedDict[Any, Any], newest: Any, most: int) -> None:
    """Keep the entries that were used last."""
    entries.move_to_end(newest)
    while len(entries) > most:
        entries.popitem(last=False)


def _ttl(result: Mapping[str, Any]) -> float:
    """Seconds for which a list may be kept."""
    stated = result.get("ttlMs")
    if not isinstance(stated, int | float) or isinstance(stated, bool) or stated <= 0:
        return FRESH_SECONDS  # the SDKs send 0 where a server says nothing
    return min(stated / 1000, LONGEST_FRESH_SECONDS)


def _first(items: list[Any]) -> list[Any]:
    """As many of the first items as may be offered."""
    size = 0
    for number, item in enumerate(items[:MOST_ITEMS]):
        size += len(json.dumps(item))
        if size > LARGEST_LIST:
            return items[:number]
    return items[:MOST_ITEMS]
