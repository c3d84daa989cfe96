"""How fast requests must fail, or be slow, for the alerts on the objectives to fire.

99.9 % may not fail, so that 0.1 % may; 95 % take at most 2.5 s, so that 5 % may be slower. The
factors are 14.4 (1 h and 5 min), 6 (6 h and 30 min), 3 (1 d and 2 h) and 1 (3 d and 6 h).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

STEP: Final = 120
"""Seconds between two values."""
_HOUR: Final = 3600
_LABELS: Final = (
    'namespace="mcp",job="mcp-gateway",pod="mcp-gateway-0",exporter="gateway",route="/mcp"'
)


@dataclass(frozen=True, kw_only=True)
class ObjectiveCase:
    """Requests some of which miss an objective, and the alerts that follow.

    Attributes:
        name: what happens.
        alert: its name.
        severity: its severity.
        series: what the gateway has counted.
        expected: scopes whose alerts fire, by seconds after the start.
        step: seconds between two values, and between two evaluations.
    """

    name: str
    alert: str
    severity: str
    series: Mapping[str, str]
    expected: Mapping[int, tuple[str, ...]]
    step: int = STEP


ALL: Final = "0+100000x3000"
"""Requests at each step."""


def _labels(route: str, kind: str) -> str:
    return (
        'namespace="mcp",job="mcp-gateway",pod="mcp-gateway-0",exporter="gateway",'
        f'route="{route}",kind="{kind}"'
    )


def _errors(
    failed: str, ok: str = ALL, *, route: str = "/mcp", kind: str = "request", status: str = "503"
) -> dict[str, str]:
    name = f'mcp_gateway_requests_total{{{_labels(route, kind)},method="POST"'
    return {f'{name},status="{status}"}}': failed, f'{name},status="200"}}': ok}


def _fast(fast: str, kind: str = "request") -> dict[str, str]:
    name, labels = "mcp_gateway_request_duration_seconds", _labels("/mcp", kind)
    return {f'{name}_bucket{{{labels},le="2.5"}}': fast, f"{name}_count{{{labels}}}": ALL}


def _elsewhere(series: Mapping[str, str]) -> dict[str, str]:
    return {one.replace('namespace="mcp"', 'namespace="other"'): v for one, v in series.items()}


def _steady(count: int) -> str:
    return f"0+{count}x3000"


def _after(hours: int, count: int, steps: int) -> str:
    """Nothing for hours, then so many at each step, then nothing more."""
    return f"0+0x{hours * 30} {count}+{count}x{steps - 1} {count * steps}+0x1000"


BOTH: Final = ("platform", "server")
_AVAILABILITY: Final = ("AvailabilityBudgetBurnsFast", "AvailabilityBudgetBurnsSlowly")
_LATENCY: Final = ("LatencyBudgetBurnsFast", "LatencyBudgetBurnsSlowly")


def _case(
    name: str, alert: str, series: Mapping[str, str], expected: Mapping[int, tuple[str, ...]]
) -> ObjectiveCase:
    severity = "critical" if alert.endswith("Fast") else "warning"
    return ObjectiveCase(
        name=name, alert=alert, severity=severity, series=series, expected=expected
    )


_H: Final = 3600
_ALLOWED: Final = {"Availability": 0.001, "Latency": 0.05}


def _counter(parts: Sequence[tuple[float, float]], step: int) -> str:
    """A counter of a share of the requests, by hours and share one after the other."""
    texts, value = ["0"], 0
    for hours, share in parts:
        number, each = round(hours * _H / step), round(100_000 * share)
        texts.append(f"{value + each}+{each}x{number - 1}")
        value += each * number
    return " ".join(texts)


def _burning(
    speed: str,
    name: str,
    parts: Sequence[tuple[float, float]],
    *,
    fires: bool = False,
    step: int = STEP,
) -> Iterator[ObjectiveCase]:
    """Of both objectives: shares that miss them, as multiples of what is allowed."""
    hours = sum(length for length, _ in parts)
    for budget, allowed in _ALLOWED.items():
        missed = [(length, burn * allowed) for length, burn in parts]
        if budget == "Latency":
            series = _fast(_counter([(length, 1 - share) for length, share in missed], step))
        else:
            series = _errors(_counter(missed, step))
        yield ObjectiveCase(
            name=f"{name}: {budget}",
            alert=f"{budget}BudgetBurns{speed}",
            severity="critical" if speed == "Fast" else "warning",
            series=series,
            expected={round(hours * _H): BOTH if fires else ()},
            step=step,
        )


def _begins(speed: str, wait: int) -> Iterator[ObjectiveCase]:
    """Everything misses an objective from the start: the edge of the duration."""
    for found in _burning(speed, "begins", [(1, 18)], step=30):
        yield replace(found, expected={wait: (), wait + 30: BOTH})


EDGES: Final = [
    # Both windows of a pair, and then only one, are above its rate. The other pair is not.
    *_burning("Fast", "above 14.4", [(6, 0), (1, 14.4 * 1.1)], fires=True),
    *_burning("Fast", "above 14.4 in 5m", [(6, 0), (0.9, 14.4 * 0.87), (0.1, 14.4 * 1.3)]),
    *_burning("Fast", "above 14.4 in 1h", [(6, 0), (0.8, 14.4 * 1.3), (0.2, 14.4 * 0.9)]),
    *_burning("Fast", "above 6", [(7, 6 * 1.1)], fires=True),
    *_burning("Fast", "above 6 in 30m", [(6.4, 6 * 0.87), (0.6, 6 * 1.3)]),
    *_burning("Fast", "above 6 in 6h", [(6, 6 * 1.3), (0.7, 6 * 0.9)]),
    *_burning("Slowly", "above 3 in 2h", [(48, 0), (22, 2.47), (2, 4)], step=1800),
    # A day above 3 is three days above 1, unless the last six hours are not.
    *_burning("Slowly", "above 3 in 1d", [(48, 0), (18, 4.63), (4, 0), (2, 2.85)], step=300),
    *_burning("Slowly", "above 1", [(72, 1.1)], fires=True, step=1800),
    *_burning("Slowly", "above 1 in 6h", [(66, 0.87), (6, 1.3)], step=1800),
    *_burning("Slowly", "above 1 in 3d", [(66, 1.3), (7, 0.9)], step=1800),
    *_begins("Fast", 120),
    *_begins("Slowly", 900),
]
OBJECTIVES: Final = [
    *EDGES,
    # 1.48 % fail: above 1.44 %, once there are two values, and for 2 minutes.
    _case(
        *("fast, from the start", _AVAILABILITY[0], _errors(_steady(1500))),
        {120: (), 240: BOTH},
    ),
    _case(
        *("fast, by six hours", _AVAILABILITY[0], _errors(_steady(650))),
        {7 * _H: BOTH},
    ),
    _case(
        *("not fast", _AVAILABILITY[0], _errors(_steady(590))),
        {7 * _H: ()},
    ),
    # 1.5 % of the last hour, 0.25 % of the last six: only the factor 14.4 is exceeded.
    _case(
        *("an hour after six", _AVAILABILITY[0], _errors(_after(6, 1523, 30))),
        {7 * _H: BOTH},
    ),
    _case(
        *("an hour with fewer errors", _AVAILABILITY[0], _errors(_after(6, 1300, 30))),
        {7 * _H: ()},
    ),
    # All requests of five minutes fail: the long windows have too few errors.
    _case(
        *("a short burst", _AVAILABILITY[0], _errors(_after(6, 3000, 5))),
        {6 * _H + 600: ()},
    ),
    _case(
        *("ended", _AVAILABILITY[0], _errors("0+5000x30 150000+0x1000")),
        {_H: BOTH, _H + 40 * 60: ()},
    ),
    # 0.5 % of the last half hour: the long windows still have more than 0.6 %.
    _case(
        *("nearly ended", _AVAILABILITY[0], _errors("0+5000x30 150500+500x100")),
        {_H + 40 * 60: ()},
    ),
    _case(
        *("another platform", _AVAILABILITY[0]),
        {**_errors(_steady(0)), **_elsewhere(_errors(_steady(9000)))},
        {2 * _H: ()},
    ),
    _case(
        *("slowness of another platform", _LATENCY[1]),
        {**_fast(ALL), **_elsewhere(_fast(_steady(0)))},
        {6 * _H: ()},
    ),
    _case(
        *("streams, redirects and refusals do not count", _AVAILABILITY[0]),
        {
            **_errors(_steady(9000), kind="stream"),
            **_errors(_steady(9000), route="redirect"),
            **_errors(_steady(9000), status="404"),
            **_errors(_steady(0), status="503"),
        },
        {2 * _H: ()},
    ),
    _case(
        *("one server with little traffic", _AVAILABILITY[0]),
        {
            **_errors(_steady(0)),
            **_errors(_steady(20), _steady(100), route="/servers/weather/mcp"),
        },
        {2 * _H: ("server",)},
    ),
    _case(
        *("slowly", _AVAILABILITY[1], _errors(_steady(110))),
        {6 * _H: BOTH},
    ),
    _case(
        *("slowly, at the edge", _AVAILABILITY[1], _errors(_steady(400))),
        {120 + 14 * 60: (), 120 + 16 * 60: BOTH},
    ),
    _case(
        *("not slowly", _AVAILABILITY[1], _errors(_steady(90))),
        {6 * _H: ()},
    ),
    # 0.25 % of a day, 0.08 % of three.
    ObjectiveCase(
        name="a day after two",
        alert=_AVAILABILITY[1],
        severity="warning",
        series=_errors("0+0x95 250+250x47"),
        expected={71 * _H: ()},
        step=1800,
    ),
    # 74 % and 28 % are slow; 72 % and 30 % are the limits.
    _case(
        *("slow, fast", _LATENCY[0], _fast(_steady(26_000))),
        {120: (), 240: BOTH},
    ),
    _case(
        *("slow, fast by six hours", _LATENCY[0], _fast(_steady(69_000))),
        {7 * _H: BOTH},
    ),
    _case(
        *("slow, not fast", _LATENCY[0]),
        {**_fast(_steady(71_000)), **_fast(_steady(0), kind="stream")},
        {7 * _H: ()},
    ),
    _case(
        *("slow, slowly", _LATENCY[1], _fast(_steady(94_000))),
        {6 * _H: BOTH},
    ),
    _case(
        *("slow, not slowly", _LATENCY[1], _fast(_steady(96_000))),
        {6 * _H: ()},
    ),
]
