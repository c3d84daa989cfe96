"""Limits for the cost of components and streams; run on an otherwise idle machine."""

from __future__ import annotations

import pytest

from tests.harness import programs
from tests.harness.graph_queries import STACKS
from tools.bench import agents, call_cost, cold_start, federation, overhead, preview_time, serving
from tools.bench.agents import Agents
from tools.bench.call_cost import CallCost, Era
from tools.bench.cold_start import ColdStart
from tools.bench.federation import Federated
from tools.bench.limits import Results, limited
from tools.bench.overhead import Comparison
from tools.bench.preview_time import Preview
from tools.bench.serving import CALL, HEALTH, Serving

TIME, MEMORY = 1.15, 1.25
CALL_COST = 0.8
"""Calls per CPU second, as a share of those in the bare server."""


@pytest.fixture(scope="module")
def comparisons() -> dict[str, Comparison]:
    return {one.name: one for one in overhead.measure(list(STACKS), lambda _: None)}


@pytest.fixture(scope="module")
def served() -> Serving:
    programs.required("nginx")
    return serving.measure(lambda _: None)


@pytest.fixture(scope="module")
def called() -> dict[Era, CallCost]:
    return call_cost.measure(lambda _: None)


@pytest.fixture(scope="module")
def federated() -> Federated:
    return federation.measure(lambda _: None)


@pytest.fixture(scope="module")
def started() -> ColdStart:
    return cold_start.measure(lambda _: None)


@pytest.fixture(scope="module")
def previews() -> list[Preview]:
    return preview_time.measure(list(STACKS), lambda _: None)


@pytest.fixture(scope="module")
def recorded() -> list[Agents]:
    return agents.measure(lambda _: None)


@pytest.mark.parametrize("name", [*STACKS, *(f"workloads:{size}" for size in overhead.SIZES)])
def test_components_cost_little_over_a_flat_program(comparisons: dict[str, Comparison], name: str):
    assert comparisons[name].time_ratio <= TIME
    assert comparisons[name].memory_ratio <= MEMORY


def test_components_cost_no_more_at_10_000_resources_than_at_100(
    comparisons: dict[str, Comparison],
):
    few, many = comparisons["workloads:100"], comparisons["workloads:10000"]
    assert many.time_ratio <= max(few.time_ratio, 1)
    assert many.components.seconds / many.components.resources < (
        few.components.seconds / few.components.resources
    )


def test_2000_streams_are_held_at_once_and_end_whole_within_the_drain(served: Serving):
    assert served.streams == 2_000
    assert (served.alive, served.whole) == (2_000, 2_000)
    assert served.drain_seconds < 8


def test_a_stream_costs_less_than_150_kib_in_the_server_and_100_in_nginx(served: Serving):
    assert served.server_kib < 150
    assert served.nginx_kib < 100


@pytest.mark.parametrize("kind", [HEALTH, CALL])
def test_the_gateway_adds_less_than_a_millisecond_at_the_median(served: Serving, kind: str):
    assert served.added_ms(kind) < 1


def test_authentication_at_the_gateway_adds_less_than_a_millisecond_at_the_median(served: Serving):
    assert served.authentication_ms < 1


def test_a_function_answers_within_one_and_a_half_imports_of_the_sdks_server(started: ColdStart):
    assert started.ratio <= 1.5


def test_every_archive_is_below_25_mb_and_80_mb_unpacked(started: ColdStart):
    assert [size.host for size in started.sizes if size.zipped >= 25 or size.unzipped >= 80] == []


@pytest.mark.parametrize("era", call_cost.ERAS)
def test_a_cpu_second_answers_nearly_as_many_calls_as_in_a_bare_server_of_the_sdk(
    called: dict[Era, CallCost], era: Era
):
    assert called[era].ratio >= CALL_COST


def test_federation_adds_less_than_4_milliseconds_at_the_median(federated: Federated):
    assert federated.added_ms < 4


def test_a_stream_through_federation_holds_less_than_one_and_a_half_of_the_memory_of_a_direct_one(
    federated: Federated,
):
    assert federated.streams == 1_000
    assert federated.memory_ratio < 1.5


def test_a_preview_takes_less_than_2_seconds_of_cpu_time_and_that_of_dev_less_than_1_4(
    previews: list[Preview],
):
    seconds = {one.stack: one.cpu_seconds for one in previews}
    assert seconds.keys() == set(STACKS)
    assert seconds.pop("dev") < 1.4
    assert max(seconds.values()) < 2


def test_a_resource_costs_hardly_more_with_fifty_agents_than_with_four(recorded: list[Agents]):
    assert agents.ratio(recorded) <= agents.MOST


def test_every_limit_that_the_bench_prints_is_held(
    comparisons: dict[str, Comparison],
    previews: list[Preview],
    recorded: list[Agents],
    called: dict[Era, CallCost],
    served: Serving,
    federated: Federated,
    started: ColdStart,
):
    found = Results(
        programs=list(comparisons.values()),
        previews=previews,
        agents=recorded,
        called=called,
        served=served,
        federated=federated,
        started=started,
    )
    assert [one for one in limited(found) if not one.held] == []
