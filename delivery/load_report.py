"""Judges a load against the objectives of a platform, and shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from components.base.problems import Problem

from .load_run import Load, LoadResult, Outcome

QUANTILES: Final = (0.5, 0.95, 0.99)


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """What a platform promises its clients.

    Attributes:
        availability_percent: of the requests that no limit refused, the share that is answered.
        latency_percent: share of the answers that come within ``latency_seconds``.
        sources: by name of the attribute, the option or the key of the stack file that it is from.
    """

    availability_percent: float
    latency_seconds: float
    latency_percent: float = 95
    sources: Mapping[str, str] = field(default_factory=dict[str, str])

    def lines(self) -> Iterator[str]:
        """The objectives for people, each with the place that it is from."""
        of = self.sources.get
        yield (
            f"  objective: {self.availability_percent:g} % answered"
            f" ({of('availability_percent', 'default')})"
        )
        yield (
            f"  objective: {self.latency_percent:g} % ({of('latency_percent', 'default')})"
            f" within {self.latency_seconds:g} s ({of('latency_seconds', 'default')})"
        )


def availability(measured: LoadResult) -> float | None:
    """Percent of the requests that were answered, of those that no limit refused."""
    counts = measured.outcomes
    answered = counts[Outcome.ANSWERED] + counts[Outcome.TOOL_ERROR]
    whole = answered + counts[Outcome.FAILED]
    return 100 * answered / whole if whole else None


def problems(measured: LoadResult, load: Load, objectives: Objectives) -> Iterator[Problem]:
    """The objectives that were missed, and what makes the result say nothing."""
    share, latency = availability(measured), measured.quantile(objectives.latency_percent / 100)
    if share is not None and share < objectives.availability_percent:
        yield Problem(
            "availability",
            f"{share:.4g} % of the requests were answered; {_said(measured)}",
            f"the objective of {objectives.availability_percent:g} % is missed"
            f"{_from(objectives, 'availability_percent')}",
            "qudag-mcp verify finds what does not answer; the servers' logs say why",
        )
    errors = measured.outcomes[Outcome.TOOL_ERROR]
    worked = measured.outcomes[Outcome.ANSWERED]
    if errors and 100 * worked / (worked + errors) < objectives.availability_percent:
        yield Problem(
            "tool",
            f"{errors} of {worked + errors} answers were an error of the tool; "
            f"{'; '.join(measured.tool_errors) or 'no answer said why'}",
            "the times are those of errors, and say nothing about calls that work",
            "pass the arguments that the tool takes, or choose another tool: qudag-mcp tools",
        )
    if latency is not None and latency > objectives.latency_seconds:
        yield Problem(
            "latency",
            f"{objectives.latency_percent:g} % of the answers came within {latency:.3g} s",
            f"the objective of {objectives.latency_seconds:g} s is missed"
            f"{_from(objectives, 'latency_seconds')}",
            "more replicas or processor time, or a lower --rate to find what the stack can do",
        )
    limited = measured.outcomes[Outcome.LIMITED]
    if limited:
        yield Problem(
            "limits",
            f"a limit refused {limited} of {measured.begun} requests; {_said(measured)}",
            "the rest says nothing about this rate",
            "lower --rate, or raise the limits in the stack file",
        )
    if measured.not_begun:
        yield Problem(
            "clients",
            f"{measured.not_begun} of {load.amount.requests} requests were not begun: all "
            f"{load.amount.clients} clients waited for answers",
            "the rate that was asked for was not reached",
            "more --clients, or a lower --rate",
        )


def _from(objectives: Objectives, name: str) -> str:
    source = objectives.sources.get(name)
    return f": {source}" if source else ""


def _said(measured: LoadResult) -> str:
    return "; ".join(measured.failures) or "no answer said why"


def lines(measured: LoadResult, load: Load, objectives: Objectives) -> list[str]:
    """The result for people."""
    counts = measured.outcomes
    reached = measured.begun / measured.duration if measured.duration else 0
    times = ", ".join(
        f"{share * 100:g} % within {found * 1000:.4g} ms"
        for share in QUANTILES
        if (found := measured.quantile(share)) is not None
    )
    what = f"calls of {load.tool}" if load.tool else "requests for the list of tools"
    return [
        f"{measured.begun} {what} in {measured.duration:.1f} s: {reached:.3g} a second by "
        f"{load.amount.clients} clients",
        "  " + ", ".join(f"{counts[each]} {each.value}" for each in Outcome),
        *([f"  answers: {times}"] if times else []),
        *objectives.lines(),
    ]


def to_json(measured: LoadResult, load: Load, objectives: Objectives) -> dict[str, Any]:
    """The result for programs; times in seconds."""
    return {
        "tool": load.tool,
        "requests": measured.begun,
        "not_begun": measured.not_begun,
        "duration": round(measured.duration, 3),
        "outcomes": {each.name.lower(): measured.outcomes[each] for each in Outcome},
        "availability_percent": availability(measured),
        "quantiles": {f"{share:g}": measured.quantile(share) for share in QUANTILES},
        "objectives": {
            name: {"value": getattr(objectives, name), "from": objectives.sources.get(name)}
            for name in ("availability_percent", "latency_seconds", "latency_percent")
        },
        "missed": [problem.path for problem in problems(measured, load, objectives)],
    }
