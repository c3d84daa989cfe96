"""TimeoutBudget: one number, and the timeouts of every distance."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from components.mcp.timeout_budget import ENDPOINT_PROPAGATION, Distance, TimeoutBudget, Timeouts

tools = st.integers(min_value=1, max_value=3600)
drains = st.none() | st.integers(min_value=2, max_value=7200)


def each_distance(longest_tool: int, drain: int | None) -> list[Timeouts]:
    """The timeouts of each distance, from the server to the client."""
    assume(drain is None or drain > longest_tool)
    budget = TimeoutBudget(longest_tool=longest_tool, drain=drain)
    return [budget.at(distance) for distance in Distance]


@given(tools, drains)
def test_each_proxy_waits_longer_than_its_upstream(longest_tool: int, drain: int | None):
    made = each_distance(longest_tool, drain)
    for behind, before in pairwise(made):
        assert before.timeout > behind.timeout
        assert before.drain > behind.drain


@given(tools, drains)
def test_no_timeout_is_shorter_than_the_longest_tool(longest_tool: int, drain: int | None):
    assert all(timeouts.timeout >= longest_tool for timeouts in each_distance(longest_tool, drain))


@given(tools, drains)
def test_drain_outlives_whatever_call_may_still_run(longest_tool: int, drain: int | None):
    assert all(timeouts.drain > timeouts.timeout for timeouts in each_distance(longest_tool, drain))


@given(tools, drains)
def test_the_grace_leaves_time_for_all_that_a_stopping_pod_does(
    longest_tool: int, drain: int | None
):
    assert all(
        timeouts.grace > timeouts.pre_stop + timeouts.drain
        for timeouts in each_distance(longest_tool, drain)
    )


@given(tools, drains)
def test_a_server_stops_after_the_proxy_in_front_of_it(longest_tool: int, drain: int | None):
    made = each_distance(longest_tool, drain)
    assert all(timeouts.pre_stop >= ENDPOINT_PROPAGATION for timeouts in made)
    for behind, before in pairwise(made):
        assert behind.pre_stop > before.pre_stop


@given(tools, st.integers(min_value=2, max_value=7200))
def test_a_stated_drain_is_the_servers_own(longest_tool: int, drain: int):
    assert each_distance(longest_tool, drain)[Distance.SERVER].drain == drain


@given(tools, st.integers(min_value=0, max_value=3600))
def test_a_drain_that_the_longest_tool_outlives_is_refused(longest_tool: int, drain: int):
    assume(drain <= longest_tool)
    (problem,) = TimeoutBudget(longest_tool=longest_tool, drain=drain).refusals()
    assert problem.path == "drain"
    assert str(longest_tool + 5) in problem.fix
