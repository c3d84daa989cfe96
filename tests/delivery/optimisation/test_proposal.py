"""Proposals follow from use: smaller for what idles, larger for what is short, never too small."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base.quantities import quantity
from delivery.optimisation.proposal import Change, Margins, Proposal, propose
from delivery.optimisation.usage import Point, Usage, quantile
from delivery.optimisation.workload_sizes import SizedWorkload

MEBI: Final = 1024**2
NOW: Final = {"cpu": "500m", "memory": "512Mi", "cpu_limit": "1", "memory_limit": "1Gi"}


def workload(**changes: Any) -> SizedWorkload:
    given: dict[str, Any] = {
        **{"name": "mcp-core", "namespace": "mcp", "container": "mcp-core"},
        **{"path": ("scaling", "mcp-core"), "pods_path": ("scaling", "mcp-core")},
        **{"now": NOW, "pods": 2, "floor": {"cpu": "10m", "memory": "16Mi"}},
    }
    return SizedWorkload(**given | changes)


def steady(value: float, count: int = 100) -> list[Point]:
    return [(60.0 * number, value) for number in range(count)]


def usage(cpu: float, memory: float, *, pods: float = 2, **changes: Any) -> Usage:
    """What each pod used: cores and MiB."""
    given: dict[str, Any] = {
        **{"source": "test", "step": 60.0, "cpu": steady(cpu), "cpu_of_all": steady(cpu * pods)},
        **{"memory": steady(memory * MEBI), "pods": steady(pods)},
    }
    return Usage(**given | changes)


def changes(proposal: Proposal) -> dict[str, str | int]:
    return {change.name: change.after for change in proposal.changes}


def proposed(used: Usage, **of: Any) -> dict[str, str | int]:
    return changes(propose(workload(**of), used, Margins()))


def test_an_idle_server_gets_a_smaller_request():
    """20m and 100 MiB with 20 % more are 24m and 120 MiB, rounded up to 25m and 128Mi."""
    found = propose(workload(), usage(0.02, 100), Margins())
    assert changes(found) == {"cpu": "25m", "memory": "128Mi"}
    assert found.saved_cpu == pytest.approx(2 * (0.5 - 0.025))
    assert found.saved_memory == 2 * (512 - 128) * MEBI
    assert {change.path for change in found.changes} == {
        ("scaling", "mcp-core", "cpu"),
        ("scaling", "mcp-core", "memory"),
    }


def test_a_request_that_fits_stays():
    assert proposed(usage(0.4, 410)) == {}


def test_a_server_that_uses_more_than_it_asks_for_gets_a_larger_request():
    found = propose(workload(), usage(0.7, 700), Margins())
    assert changes(found) == {"cpu": "850m", "memory": "896Mi"}
    assert found.saved_cpu < 0
    assert found.saved_memory < 0


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ({"throttled": steady(0.2)}, {"cpuLimit": "1500m"}),
        ({"throttled": steady(0.04)}, {}),
        ({"killed": 3}, {"memoryLimit": "1536Mi"}),
        ({"killed": 0}, {}),
    ],
)
def test_limits_are_raised_where_they_were_reached(used: Any, expected: Any):
    assert proposed(usage(0.4, 410, **used)) == expected


def test_use_near_a_limit_raises_it():
    assert proposed(usage(0.95, 410))["cpuLimit"] == "1500m"
    assert proposed(usage(0.4, 950))["memoryLimit"] == "1536Mi"


def test_limits_are_never_lowered():
    assert not {"cpuLimit", "memoryLimit"} & proposed(usage(0.001, 1)).keys()


def test_guaranteed_pods_stay_guaranteed():
    now = {"cpu": "1", "memory": "1Gi", "cpu_limit": "1", "memory_limit": "1Gi"}
    found = proposed(usage(0.1, 200), now=now)
    assert found["cpu"] == found["cpuLimit"] == "125m"
    assert found["memory"] == found["memoryLimit"] == "240Mi"


def test_the_least_that_a_namespace_admits_is_asked_for():
    floor = {"cpu": "50m", "memory": "64Mi"}
    assert proposed(usage(0.001, 5), floor=floor) == {"cpu": "50m", "memory": "64Mi"}


def test_an_autoscaler_that_follows_cpu_is_left_where_it_is():
    """At 70 % of the request the autoscaler adds pods: 105m x 1.2 / 0.7 are 180m."""
    of = {"pods": None, "least": 2, "most": 10, "cpu_target": 0.7}
    assert proposed(usage(0.105, 410), **of) == {"cpu": "200m"}
    assert quantity("200m") * 7 / 10 > quantity("105m")


def test_the_cpu_request_of_pods_that_were_added_stays():
    of = {"pods": None, "least": 2, "most": 10, "cpu_target": 0.7}
    found = propose(workload(**of), usage(0.35, 410, pods=5), Margins())
    assert changes(found) == {}
    assert "has added pods" in found.notes[0]


def test_an_autoscaler_that_is_often_at_its_most_gets_more():
    of = {"pods": None, "least": 2, "most": 4, "cpu_target": 0.7}
    busy = [*steady(2, 90), *steady(4, 10)]
    assert proposed(usage(0.35, 410, **{"pods": 2}), **of).get("max") is None
    used = usage(0.35, 410)
    often = Usage(
        source="test",
        step=60,
        cpu=used.cpu,
        cpu_of_all=used.cpu_of_all,
        memory=used.memory,
        pods=busy,
    )
    assert proposed(often, **of) == {"max": 6}


def test_pods_that_are_not_needed_are_left_out_and_the_others_get_their_work():
    """5 pods of 50m: two with 500m would do, and each would use 125m and 250 MiB."""
    found = propose(workload(pods=5), usage(0.05, 100, pods=5), Margins())
    assert changes(found) == {"replicas": 2, "cpu": "150m", "memory": "304Mi"}
    assert found.saved_cpu == pytest.approx(5 * 0.5 - 2 * 0.15)


def test_two_pods_stay_and_so_do_those_of_a_quorum():
    assert "replicas" not in proposed(usage(0.01, 10), pods=2)
    assert "replicas" not in proposed(usage(0.01, 10, pods=5), pods=5, fewest=None)


def test_what_the_vertical_autoscaler_sets_stays():
    assert proposed(usage(0.01, 10), resized=True) == {}


@given(
    cpu=st.lists(st.floats(0, 8), min_size=1, max_size=50),
    memory=st.lists(st.floats(0, 8192), min_size=1, max_size=50),
    pods=st.integers(1, 6),
    ran=st.integers(1, 9),
    target=st.sampled_from([None, 0.5, 0.7]),
    share=st.sampled_from([0.5, 0.95, 1.0]),
    headroom=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_nothing_that_is_proposed_is_below_what_was_used(
    cpu: list[float],
    memory: list[float],
    pods: int,
    ran: int,
    target: float | None,
    share: float,
    headroom: float,
):
    """Nor a limit below a request; requests that stay may be too small, never those proposed."""
    points = [[(60.0 * n, v) for n, v in enumerate(values)] for values in (cpu, memory)]
    used = Usage(
        source="test",
        step=60,
        cpu=points[0],
        memory=[(at, v * MEBI) for at, v in points[1]],
        cpu_of_all=[(at, v * ran) for at, v in points[0]],
        pods=steady(ran),
    )
    bounds = {"pods": None, "least": pods, "most": pods + 3} if target else {"pods": pods}
    one = workload(cpu_target=target, **bounds)
    found = changes(propose(one, used, Margins(cpu_quantile=share, headroom=headroom)))
    if "cpu" in found:
        assert float(quantity(found["cpu"])) >= quantile(points[0], share) - 1e-6
    if "memory" in found:
        assert float(quantity(found["memory"])) >= max(memory) * MEBI - 1
    for name in ("cpu", "memory"):
        request = found.get(name, NOW[name])
        assert quantity(request) <= quantity(found.get(f"{name}Limit", NOW[f"{name}_limit"]))
    assert int(found.get("replicas", 2)) >= 2


@pytest.mark.parametrize("target", ["cpu_target", "memory_target"])
def test_a_target_above_all_of_a_request_proposes_no_less_than_was_used(target: str):
    """An autoscaler may allow pods three times what they request."""
    of = {"pods": None, "least": 2, "most": 10, target: 3.0}
    found = proposed(usage(0.2, 200), **of)
    assert found == {"cpu": "250m" if target == "memory_target" else "200m"} | {
        "memory": "240Mi" if target == "cpu_target" else "208Mi"
    }


def test_a_quantile_is_a_value_that_was_measured():
    points = [(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0)]
    assert [quantile(points, share) for share in (0.25, 0.5, 0.95, 1)] == [1, 2, 4, 4]
    assert quantile([], 0.5) == 0


def test_a_change_names_its_field():
    change = Change(path=("scaling", "a", "cpuLimit"), before="1", after="2", why="")
    assert change.name == "cpuLimit"
