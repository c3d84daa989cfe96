"""Faults in a running platform raise exactly the alerts that a table states, and these resolve.

The platform is that of test_live_platform.py. The thresholds of the rules are as they are in the
stack; the times for which a condition must hold, and the windows of rates, are divided by `FASTER`.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import psycopg
import pytest

from delivery.load_run import Load, LoadAmount, LoadResult
from delivery.load_run import run as run_load
from delivery.mcp_client import Era
from tests.harness import programs
from tests.harness.live_platform import ENGINE, LivePlatform, live_platform
from tests.harness.network import can_isolate

pytestmark = pytest.mark.skipif(
    not can_isolate(), reason="pods need network namespaces: run as root"
)
FASTER: Final = 10
"""5 minutes are 30 seconds."""
SLOWER: Final = {"DependencyDown": 35}
"""Servers check what they need every 10 s, whatever `FASTER` is: three checks in a row must fail.
With a tenth of its 2 minutes one check that took too long on a busy machine would be enough."""
RAISED_WITHIN, RESOLVED_WITHIN = 240, 240
KEYS_KEPT_SECONDS: Final = 11
"""Keys are used for 10 s without being read again: `jwksMaxAgeSeconds` of the stack."""
STALE_MINUTES: Final = 27 * 60
"""The newest backup of a stack may be 26 hours old, if its file says nothing else."""
ALWAYS: Final = {"Watchdog"}
OBJECTIVES: Final = {
    f"{budget}Budget{speed}"
    for budget in ("Availability", "Latency")
    for speed in ("BurnsFast", "BurnsSlowly")
}
"""They look at hours and days. Of the few requests here one that is slow on a busy machine is more
than an objective allows, and they do not resolve while the test runs."""
Inject = Callable[[LivePlatform], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def live(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[LivePlatform]:
    for names in (("postgres",), ("valkey-server", "redis-server"), ("nginx",)):
        programs.required(*names)
    folder = tmp_path_factory.mktemp("live")
    started = live_platform(built / "prometheus", folder, faster=FASTER, slower=SLOWER)
    with started as platform:
        _calls(platform, "echo", {"text": "hello"}, seconds=3)
        yield platform


@pytest.fixture
def well(live: LivePlatform) -> LivePlatform:
    """The platform, once nothing of an earlier fault is left."""
    live.backed_up(minutes_ago=5)
    resolved(live)
    return live


def resolved(platform: LivePlatform) -> None:
    """Wait until nothing fires but the alert that always does."""
    end = time.monotonic() + RESOLVED_WITHIN
    while (firing := platform.prometheus.firing() - OBJECTIVES) != ALWAYS:
        assert time.monotonic() < end, f"{sorted(firing)} fire after {RESOLVED_WITHIN} s"
        time.sleep(1)


def raised(platform: LivePlatform, alerts: frozenset[str], begun: float) -> None:
    """Wait until alerts have fired since a time."""
    end = time.monotonic() + RAISED_WITHIN
    while not alerts <= (found := platform.raised_since(begun)):
        pending = platform.prometheus.query('ALERTS{alertstate="pending"}')
        assert time.monotonic() < end, f"{sorted(found)} fired, {pending} are pending"
        time.sleep(1)


def _calls(
    platform: LivePlatform,
    tool: str,
    arguments: dict[str, Any],
    *,
    seconds: float,
    clients: int = 2,
) -> LoadResult:
    """Let each client call a tool once a second."""
    amount, measured = LoadAmount(rate=clients, clients=clients, seconds=seconds), LoadResult()
    load = Load(tool=tool, arguments=arguments, amount=amount)
    endpoints = [platform.client.endpoint(f"user-{number}") for number in range(clients)]
    anyio.run(partial(run_load, load, endpoints, Era.MODERN, measured))
    return measured


@contextlib.contextmanager
def killed_server(platform: LivePlatform) -> Generator[None]:
    platform.stack.kill(f"{ENGINE}-0")
    try:
        yield
    finally:
        platform.stack.start_pod(f"{ENGINE}-0")
        platform.stack.wait_ready(f"{ENGINE}-0")


@contextlib.contextmanager
def full_pool(platform: LivePlatform) -> Generator[None]:
    """Connections of another program take the place that PostgreSQL has for the servers.

    What servers have opened stays open, so that they reach the database all the same.
    """
    ((_, most),) = platform.prometheus.query("postgresql_max_connections")
    ((_, used),) = platform.prometheus.query("postgresql_active_connections")
    wanted = math.floor(most * 0.92) - int(used)
    with contextlib.ExitStack() as opened:
        for _ in range(wanted):
            opened.enter_context(psycopg.connect(**platform.login))
        yield


@contextlib.contextmanager
def expired_certificate(platform: LivePlatform) -> Generator[None]:
    """Valkey gets a certificate that has ended, as after a renewal that failed."""
    name = "mcp-internal-tls-redis"
    valid = dict(platform.stack.secrets[name])

    def restart(values: dict[str, str]) -> None:
        platform.stack.secrets[name].update(values)
        platform.stack.pods["redis-0"].running["valkey"].kill()
        platform.stack.start("redis-0", "valkey")

    restart(platform.expired(name))
    try:
        yield
    finally:
        restart(valid)


@contextlib.contextmanager
def stopped_issuer(platform: LivePlatform) -> Generator[None]:
    # Many clients: both processes of the server read the keys.
    _calls(platform, "echo", {"text": "hello"}, seconds=6, clients=24)
    platform.keys.stop()
    try:
        time.sleep(KEYS_KEPT_SECONDS)
        _calls(platform, "echo", {"text": "hello"}, seconds=3)
        yield
    finally:
        platform.keys.start()
    time.sleep(KEYS_KEPT_SECONDS)
    # A process without calls says for two minutes that it could not read the keys.
    _calls(platform, "echo", {"text": "hello"}, seconds=6, clients=24)


@contextlib.contextmanager
def stale_backup(platform: LivePlatform) -> Generator[None]:
    platform.backed_up(minutes_ago=STALE_MINUTES)
    try:
        yield
    finally:
        platform.backed_up(minutes_ago=5)


@contextlib.contextmanager
def slow_tool(platform: LivePlatform) -> Generator[None]:
    measured = _calls(platform, "wait", {"seconds": 0.9}, seconds=75)
    assert measured.seconds
    yield


@dataclass(frozen=True)
class Fault:
    """A fault, and the alerts that it raises."""

    inject: Inject
    alerts: frozenset[str]


FAULTS: Final[dict[str, Fault]] = {
    "a stale backup": Fault(stale_backup, frozenset({"BackupTooOld"})),
    "a full pool": Fault(full_pool, frozenset({"DatabaseConnectionPoolExhausted"})),
    "a killed server": Fault(
        killed_server, frozenset({"MCPServerDown", "MCPServiceDown", "ServiceUnavailable"})
    ),
    # The exporter logs in over loopback and looks at no certificate: Valkey itself is well.
    "an expired certificate": Fault(expired_certificate, frozenset({"DependencyDown"})),
    "a stopped issuer": Fault(stopped_issuer, frozenset({"IssuerKeysUnreadable"})),
    "a slow tool": Fault(slow_tool, frozenset({"MCPServerHighLatency"})),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_raises_exactly_its_alerts_and_they_resolve(well: LivePlatform, name: str):
    fault = FAULTS[name]
    begun = time.time() + 1  # the window below ends up to a second before
    with fault.inject(well):
        raised(well, fault.alerts, begun)
        time.sleep(5)
    resolved(well)
    assert well.raised_since(begun) - ALWAYS - OBJECTIVES == fault.alerts
