"""The cases of alerts about agents and nodes, and of the alert that always fires."""

from __future__ import annotations

from typing import Final

from tests.components.observability.alert_cases import Case, Series, constant, rising, series


def _calls(failed: float) -> Series:
    return {
        series("mcp_tool_errors_total", tool_name="t"): rising(10 * failed),
        series("mcp_tool_requests_total", tool_name="t"): rising(10),
    }


def _answers(tool: str, least: int = 120, most: int = 130, job: str = "engine") -> Series:
    """Answers whose 95th percentile is near ``most``; the real bounds are further apart."""
    name = "mcp_tool_duration_seconds_bucket"
    return {
        series(name, job=job, tool_name=tool, le=str(least)): constant(0),
        series(name, job=job, tool_name=tool, le=str(most)): rising(1),
        series(name, job=job, tool_name=tool, le="+Inf"): rising(1),
    }


def _rounds(decided: float) -> Series:
    nodes = {"job": "qudag", "pod": "qudag-0"}
    return {
        series("qudag_consensus_rounds_total", **nodes): rising(1),
        series("qudag_consensus_decisions_total", **nodes): rising(decided),
    }


def _server(severity: str, wait: int, over: Series, under: Series, *, begins: int = 0) -> Case:
    return Case(
        severity=severity,
        team="servers",
        scope="server",
        wait=wait,
        over=over,
        under=under,
        begins=begins,
    )


ORCHESTRATION: Final[dict[str, Case]] = {
    "HighWorkflowFailureRate": _server("warning", 120, _calls(0.11), _calls(0.1), begins=30),
    "AgentResponseTimeTooHigh": _server(
        *("warning", 180, _answers("developer-agent__write")),
        {
            **_answers("another__write"),
            **_answers("developer-agent__read", 100, 120),
            **_answers("developer-agent__write", job="another-engine"),
        },
        begins=30,
    ),
    "MCPServiceDown": _server(
        *("critical", 30, {series("up"): constant(0)}),
        {
            series("up"): constant(1),
            series("up", job="another"): constant(0),
            series("up", exporter="gateway"): constant(0),
        },
    ),
    "ConsensusRoundsFail": _server("critical", 300, _rounds(0.49), _rounds(0.5), begins=30),
    "Watchdog": Case(severity="none", team="platform", scope="platform", wait=0, over={}, under={}),
}
