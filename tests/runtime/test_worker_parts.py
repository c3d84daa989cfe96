"""The parts of a server with several processes: combined metrics, whole log lines, refusals."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from runtime.config import Config
from runtime.config_files import load
from runtime.toml_config import ConfigError
from runtime.whole_lines import WholeLines
from runtime.worker_link import Report
from runtime.worker_metrics import Families, WorkerMetrics, families_of
from runtime.worker_probes import ready_state
from tests.harness.server import settings
from tests.harness.tokens import Issuer

ROOT = Path(__file__).parents[2]


@cache
def process(calls: int, seconds: float, streams: int) -> Families:
    """The metrics of a process that has counted so much."""
    registry = CollectorRegistry()
    counter = Counter("calls", "Calls.", ["tool"], registry=registry)
    counter.labels("echo").inc(calls)
    Histogram("seconds", "Time.", buckets=(1, 10), registry=registry).observe(seconds)
    Gauge("streams", "Open.", registry=registry).set(streams)
    Gauge("mcp_draining", "1 while it drains.", registry=registry).set(streams > 5)
    up = Gauge("mcp_dependency_up", "1 if it answers.", ["dependency"], registry=registry)
    up.labels("database").set(calls > 5)
    return families_of(registry)


def exported(metrics: WorkerMetrics) -> dict[str, float]:
    """The exported samples without those that are times of creation."""
    return named(text_string_to_metric_families(generate_latest(metrics).decode()))


def named(families: Iterable[Metric]) -> dict[str, float]:
    return {
        "".join([sample.name, *(f" {value}" for value in sample.labels.values())]): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_counters_are_sums_and_gauges_are_what_their_reader_expects():
    living = [process(3, 0.5, 2), process(8, 5, 9)]
    assert exported(WorkerMetrics(CollectorRegistry(), lambda: living)) == {
        "calls_total echo": 11,
        "seconds_bucket 1.0": 1,
        "seconds_bucket 10.0": 2,
        "seconds_bucket +Inf": 2,
        "seconds_count": 2,
        "seconds_sum": 5.5,
        "streams": 11,
        "mcp_draining": 1,
        "mcp_dependency_up database": 0,
    }


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=8))
def test_no_counter_goes_back_when_workers_end(steps: list[tuple[int, bool]]):
    """Each step is a worker that has counted so much, and may have ended by the next scrape."""
    living: list[Families] = []
    metrics = WorkerMetrics(CollectorRegistry(), lambda: living)
    before, calls = 0.0, 0
    for counted, ends in steps:
        living.append(process(counted, 1, 1))
        calls += counted
        for _ in range(2):
            found = named(metrics.collect())
            assert found["calls_total echo"] == calls >= before
            assert found["seconds_count"] >= len(living)
            before = found["calls_total echo"]
            if ends and living:
                metrics.keep(living.pop())
        assert named(metrics.collect()).get("streams", 0) == len(living)


def state(status: str, **dependencies: str) -> Report:
    return Report({"status": status, "dependencies": dependencies}, [])


@pytest.mark.parametrize(
    ("reports", "status", "ready"),
    [
        ([], "starting", 0),
        ([state("starting"), state("starting")], "starting", 0),
        ([state("starting"), state("ready")], "ready", 1),
        ([state("draining"), state("draining")], "draining", 0),
        ([state("ready"), state("ready")], "ready", 2),
    ],
)
def test_the_server_is_ready_if_any_worker_is_ready(reports: list[Report], status: str, ready: int):
    found = ready_state(reports, 2)
    assert found["status"] == status
    assert found["workers"] == {"ready": ready, "configured": 2}


def test_a_dependency_that_one_worker_cannot_reach_is_reported():
    reports = [state("ready", database="reachable"), state("ready", database="unreachable")]
    assert ready_state(reports, 2)["dependencies"] == {"database": "unreachable"}


def write_lines(descriptor: int, stream: WholeLines, letter: str) -> None:
    stream.descriptor = descriptor
    for _ in range(50):
        stream.write(letter * 100_000)
        stream.write("\n")
    os.close(descriptor)


def test_lines_of_several_processes_are_never_mixed():
    """A pipe holds 64 KiB: each line needs several turns of its writer."""
    reading, writing = os.pipe()
    stream = WholeLines(os.memfd_create("lock"))
    forking = multiprocessing.get_context("fork")
    writers = [
        forking.Process(target=write_lines, args=(writing, stream, letter)) for letter in "abc"
    ]
    for writer in writers:
        writer.start()
    os.close(writing)
    with os.fdopen(reading) as received:
        lines = received.read().splitlines()
    for writer in writers:
        writer.join()
    assert sorted(lines) == [letter * 100_000 for letter in "abc" for _ in range(50)]


FAILS_AT_START = """
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from runtime.config_files import load
from runtime.sockets import bound
from runtime.toml_config import StartError
from runtime.workers import run_workers

async def serve(sockets, channel):
    raise StartError("the key is damaged")

config = load(Path(sys.argv[1]))
try:
    run_workers(config, bound(config.server), serve)
except StartError as error:
    sys.exit(f"refused: {error}")
"""


def test_workers_that_end_at_their_start_end_the_server_with_the_reason(
    tmp_path: Path, issuer: Issuer
):
    source = tmp_path / "server.toml"
    config = settings(issuer, server={"workers": 2}, protocol={"era": "modern"})
    source.write_text(tomli_w.dumps(config))
    command = [sys.executable, "-c", FAILS_AT_START, str(source)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 1
    assert ended.stderr.count("qudag-mcp-server: the key is damaged\n") >= 5
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("refused: 5 worker processes in a row ended before they served")
    assert "exit status 1" in last


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"protocol": {"era": "dual"}}, "sessions of the era dual would be in the memory"),
        ({"protocol": {"era": "legacy"}}, "sessions of the era legacy would be in the memory"),
        (
            {"protocol": {"era": "dual"}, "state": {"kind": "memory"}},
            "set protocol.era to modern, or [state] to a store",
        ),
        (
            {"protocol": {"era": "modern"}, "qudag": {"node_config": "node.toml"}},
            "the node of [qudag] is one process",
        ),
    ],
)
def test_workers_that_would_each_have_a_part_of_the_state_are_refused(
    tmp_path: Path, issuer: Issuer, sections: dict[str, Any], said: str
):
    source = tmp_path / "server.toml"
    source.write_text(tomli_w.dumps(settings(issuer, server={"workers": 2}, **sections)))
    with pytest.raises(ConfigError) as refused:
        load(source)
    assert len(refused.value.problems) == 1
    assert "server.workers is 2, but" in refused.value.problems[0]
    assert said in refused.value.problems[0]


def test_workers_are_accepted_where_they_share_nothing_or_a_store(issuer: Issuer):
    store = {"kind": "dynamodb", "sessions": "sessions"}
    accepted: list[dict[str, Any]] = [
        {"protocol": {"era": "modern"}},
        {"protocol": {"era": "dual"}, "state": store},
    ]
    for sections in accepted:
        config = Config.model_validate(settings(issuer, server={"workers": 2}, **sections))
        assert config.server.workers == 2
