"""Processes that a bridged program has started end with it, also in other process groups."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path

import pytest

from runtime.bridge.descendants import Process, below, process_table
from tests.harness.bridge import RunningBridge, alive, bridging, faults, text
from tests.harness.server import until

pytestmark = pytest.mark.slow

DAEMONS = {
    "a session of its own": "setsid sh -c '{write}; exec sleep 1000' &",
    "forked twice": "setsid -f sh -c '{write}; exec sleep 1000'",
    "ignores SIGTERM": "setsid -f sh -c 'trap \"\" TERM HUP; {write}; sleep 1000; sleep 1000'",
    "a shell below it": "setsid -f sh -c 'sleep 1000 & {write}; wait'",
    "goes on to start others": (
        "setsid -f sh -c '{write}; while :; do setsid -f sleep 1000; sleep 0.02; done'"
    ),
}


@pytest.fixture(scope="module")
def bridge(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningBridge]:
    with bridging(tmp_path_factory.mktemp("bridge"), faults()) as running:
        yield running


def started(bridge: RunningBridge, session: str, directory: Path, script: str) -> int:
    """The id of the process that a script of the program has started and left."""
    file = directory / f"pid-{len(list(directory.iterdir()))}"
    command = ["sh", "-c", script.format(write=f"echo $$ > {file}.new && mv {file}.new {file}")]
    assert text(bridge.call(session, "run", command=command)) == "ran"
    until(file.exists)
    return int(file.read_text())


def below_bridge(bridge: RunningBridge) -> set[int]:
    return below(bridge.program.pid, process_table())


@pytest.mark.parametrize("script", DAEMONS.values(), ids=DAEMONS)
@pytest.mark.parametrize("how", ["deleted", "crashed"])
def test_what_a_program_has_started_ends_with_its_session(
    bridge: RunningBridge, tmp_path: Path, script: str, how: str
):
    other = bridge.open_session()
    spared = started(bridge, other, tmp_path, DAEMONS["forked twice"])
    before = below_bridge(bridge)
    session = bridge.open_session()
    pid = started(bridge, session, tmp_path, script)
    assert alive(pid)
    if how == "deleted":
        bridge.end_session(session)
    else:
        assert "error" in bridge.call(session, "crash")
    until(lambda: not alive(pid))
    until(lambda: below_bridge(bridge) <= before or how == "crashed")
    assert alive(spared)
    bridge.end_session(other)
    until(lambda: not alive(spared))


def test_nothing_is_left_after_the_bridge(tmp_path: Path):
    """Also what has no environment of the program any more, and so belongs to no session."""
    with bridging(tmp_path, faults(), stop_seconds=0.4) as bridge:
        session = bridge.open_session()
        scripts = [*DAEMONS.values(), "env -i setsid -f sh -c '{write}; exec sleep 1000'"]
        pids = [started(bridge, session, tmp_path, script) for script in scripts]
        bridge.end_session(session)
        until(lambda: [alive(pid) for pid in pids] == [False] * len(DAEMONS) + [True])
        started(bridge, bridge.open_session(), tmp_path, DAEMONS["goes on to start others"])
        everything = below_bridge(bridge) | set(pids)
        bridge.terminate()
        assert bridge.program.wait(10) == 0
        assert not [pid for pid in everything if alive(pid)]


def test_processes_get_sigterm_before_they_are_killed(tmp_path: Path):
    with bridging(tmp_path, faults("--stubborn"), stop_seconds=1) as bridge:
        session = bridge.open_session()
        told = tmp_path / "told"
        # The program ignores the signal, and what it starts inherits that.
        inner = f'trap "touch {told}; exit" TERM; {{write}}; sleep 9 & wait'
        script = f"env --default-signal=TERM setsid -f sh -c '{inner}'"
        pid = started(bridge, session, tmp_path, script)
        bridge.end_session(session)
        until(lambda: not alive(pid))
        assert told.exists()


def test_orphans_that_end_are_collected(bridge: RunningBridge, tmp_path: Path):
    session = bridge.open_session()
    pids = [
        started(bridge, session, tmp_path, "setsid -f sh -c '{write}; sleep 0.1'") for _ in range(5)
    ]
    until(lambda: not (set(pids) & process_table().keys()))
    assert text(bridge.call(session, "echo", text="still")) == "still"
    first = int(text(bridge.call(session, "pid")))
    (number,) = [e["child"] for e in bridge.events("program_started") if e["pid"] == first]
    os.kill(first, signal.SIGKILL)
    # asyncio got the status of its own child: it was not collected as an orphan.
    (stopped,) = until(
        lambda: [e for e in bridge.events("program_stopped") if e["child"] == number]
    )
    assert stopped["status"] == -signal.SIGKILL
    zombies = {pid for pid in below_bridge(bridge) if process_table()[pid].is_zombie}
    until(lambda: not zombies & process_table().keys())


def test_the_descendants_of_a_process_are_found_at_any_depth():
    table = {2: Process(1, False), 3: Process(2, False), 4: Process(3, True), 5: Process(1, False)}
    assert below(2, table) == {3, 4}
    assert below(9, table) == set()
    # A table that is read while processes end and begin can have a circle.
    assert below(1, {1: Process(2, False), 2: Process(1, False)}) == {1, 2}
