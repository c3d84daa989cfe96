"""The bench prints each limit beside what it has measured."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from archives.build import Size
from tools.bench.agents import Agents
from tools.bench.call_cost import CallCost
from tools.bench.cold_start import ColdStart
from tools.bench.federation import Federated
from tools.bench.limits import Limited, Results, limited, table
from tools.bench.overhead import Comparison, Cost
from tools.bench.preview_time import Preview
from tools.bench.serving import CALL, DIRECT, GATEWAY, HEALTH, ROUTE, Latency, Serving

COST = Cost(seconds=1, mebibytes=100, resources=100)
LIMITS = {
    "prod, time × flat program": 1.15,
    "prod, memory × flat program": 1.25,
    "preview of prod: CPU seconds": 2,
    "50 agents: time a resource, × that of 4": 1.15,
    "echo, modern: calls, × bare server of the SDK": 0.8,
    "echo, legacy: calls, × bare server of the SDK": 0.8,
    "/health: the gateway adds, ms": 1,
    "tools/call: the gateway adds, ms": 1,
    "authentication at the gateway adds, ms": 1,
    "federation adds, ms": 4,
    "1,000 streams through federation: memory, × direct": 1.5,
    "start of a function, × import of the SDK": 1.5,
    "aws-lambda: MB": 25,
    "aws-lambda: MB unpacked": 80,
}


def results() -> Results:
    ways = [HEALTH + DIRECT, HEALTH + GATEWAY, CALL + DIRECT, CALL + GATEWAY, CALL + ROUTE]
    latencies = {
        way: Latency(name=way, p50=0.5 * number, p95=1, p99=1) for number, way in enumerate(ways)
    }
    names = ["prod", "workloads:100", "workloads:10000"]
    return Results(
        programs=[Comparison(name=name, components=COST, flat=COST) for name in names],
        previews=[Preview(stack="prod", seconds=2, cpu_seconds=1.2)],
        agents=[
            Agents(agents=4, seconds=0.2, resources=100),
            Agents(agents=50, seconds=1.0, resources=500),
        ],
        called={
            "modern": CallCost(bare=95, ours=100),
            "legacy": CallCost(bare=85, ours=100),
        },
        served=Serving(
            latencies=latencies,
            client_ms=0.2,
            streams=2_000,
            alive=2_000,
            whole=2_000,
            server_kib=110,
            nginx_kib=80,
            drain_seconds=4,
        ),
        federated=Federated(
            direct_ms=1.2, federated_ms=3.4, streams=1_000, direct_kib=100, federated_kib=140
        ),
        started=ColdStart(
            answer=1, sdk=0.9, sizes=(Size(host="aws-lambda", zipped=18, unzipped=53, files=9),)
        ),
    )


def shown(values: list[Limited]) -> str:
    written = io.StringIO()
    Console(file=written, width=200).print(table(values))
    return written.getvalue()


def test_each_number_of_the_issue_is_shown_with_its_limit():
    values = limited(results())
    found = {one.name: one.limit for one in values}
    assert {name: found.get(name) for name in LIMITS} == LIMITS
    text = shown(values)
    assert all(name in text for name in found)
    assert f"all {len(values)} held" in text


def test_a_run_that_exceeds_a_limit_says_which():
    good = results()
    federated = dataclasses.replace(good.federated, federated_kib=150)
    served = dataclasses.replace(good.served, whole=1_999)
    values = limited(dataclasses.replace(good, federated=federated, served=served))
    assert [one.name for one in values if not one.held] == [
        "1,000 streams through federation: memory, × direct",
        "streams ended properly",
    ]
    assert f"2 of {len(values)} are not held" in shown(values)


@pytest.mark.parametrize(
    ("comparison", "held"),
    [("<", [True, False, False]), ("<=", [True, True, False]), (">=", [False, True, True])],
)
def test_a_value_at_its_limit_is_judged_by_the_comparison_that_is_shown(
    comparison: str, held: list[bool]
):
    values = [Limited("x", value, comparison, 1.0) for value in (0.9, 1.0, 1.1)]  # type: ignore[arg-type]
    assert [one.held for one in values] == held
