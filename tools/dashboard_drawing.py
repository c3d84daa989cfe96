"""Draws a dashboard as a page of HTML from its JSON and the answers of a Prometheus."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

COLORS: Final = (
    *("#3274d9", "#56a64b", "#e0752d", "#b877d9", "#e02f44", "#1f9e9e", "#c4a000", "#7a6f9b"),
)
WIDTH, HEIGHT = 600, 190
LEFT, RIGHT, TOP, BOTTOM = 58, 8, 8, 20
ROW_PIXELS: Final = 36
LEGEND_LINES: Final = 8
LEGEND_CHARACTERS: Final = 200
"""As many as fit below a panel; longer names leave room for fewer lines."""

STYLE: Final = """
body{margin:0;padding:12px;font:12px system-ui,sans-serif;background:#f4f5f5;color:#24292e}
h1{font-size:18px;margin:4px} .purpose{margin:0 4px 10px;color:#555}
.grid{position:relative} .row,.panel{position:absolute;box-sizing:border-box}
.row{font-size:14px;font-weight:600;padding:10px 4px 0}
.panel{background:#fff;border:1px solid #dcdfe3;border-radius:3px;padding:6px 8px;overflow:hidden}
.title{font-weight:600;margin-bottom:2px} .empty{color:#888;padding:60px 0;text-align:center}
.legend{line-height:15px} .legend span{margin-right:12px;white-space:nowrap}
.legend i{display:inline-block;width:12px;height:3px;margin:0 4px 3px 0}
"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a panel: points of (seconds since 1970, value)."""

    name: str
    points: Sequence[tuple[float, float]]


Ask = Callable[[str], list[tuple[Mapping[str, str], list[tuple[float, float]]]]]
"""Answers PromQL with the labels and points of each series."""


def lines_of(panel: Mapping[str, Any], ask: Ask, variables: Mapping[str, str]) -> list[Line]:
    """The lines of a panel, its variables replaced as Grafana replaces them."""
    lines: list[Line] = []
    for target in panel["targets"]:
        for labels, points in ask(replaced(target["expr"], variables)):
            name = target["legendFormat"]
            for label, value in labels.items():
                name = name.replace(f"{{{{{label}}}}}", value)
            lines.append(Line(name=name, points=points))
    return lines


def replaced(expression: str, variables: Mapping[str, str]) -> str:
    """PromQL with the values of a dashboard's variables."""
    for name, value in variables.items():
        expression = expression.replace(f"${name}", value)
    return expression


def html(page: Mapping[str, Any], ask: Ask, variables: Mapping[str, str]) -> str:
    """The dashboard as it looks with these answers."""
    pieces: list[str] = []
    end = 0
    lines = {
        number: lines_of(panel, ask, variables)
        for number, panel in enumerate(page["panels"])
        if panel["type"] != "row"
    }
    times = [at for each in lines.values() for line in each for at, _ in line.points] or [0.0]
    for number, panel in enumerate(page["panels"]):
        place = panel["gridPos"]
        end = max(end, place["y"] + place["h"])
        style = (
            f"left:{place['x'] / 24 * 100:.3f}%;width:calc({place['w'] / 24 * 100:.3f}% - 6px);"
            f"top:{place['y'] * ROW_PIXELS}px;height:{place['h'] * ROW_PIXELS - 6}px"
        )
        if panel["type"] == "row":
            pieces.append(f'<div class="row" style="{style}">{escape(panel["title"])}</div>')
        else:
            drawn = _drawn(panel, lines[number], (min(times), max(times)))
            pieces.append(f'<div class="panel" style="{style}">{drawn}</div>')
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>"
        f"<h1>{escape(page['title'])}</h1><p class=purpose>{escape(page['description'])}</p>"
        f'<div class=grid style="height:{end * ROW_PIXELS}px">{"".join(pieces)}</div>'
    )


def _drawn(panel: Mapping[str, Any], lines: Sequence[Line], times: tuple[float, float]) -> str:
    title = f'<div class="title">{escape(panel["title"])}</div>'
    known = [value for line in lines for _, value in line.points if math.isfinite(value)]
    if not known:
        return f'{title}<div class="empty">No data</div>'
    fields = panel["fieldConfig"]["defaults"]
    limits = [step["value"] for step in fields.get("thresholds", {}).get("steps", [])]
    limit = next((one for one in limits if one is not None), None)
    low = min(fields.get("min", 0), *known)
    low = -rounded(-low, fields["unit"]) if low < 0 else low
    highest = max([*known, limit or 0]) - low
    high = fields.get("max") or rounded(highest, fields["unit"]) + low
    high = high if high > low else low + 1
    first, last = times[0], max(times[1], times[0] + 1)

    def x(at: float) -> float:
        return LEFT + (at - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    shapes = list(_axes((low, high), last - first, fields["unit"], y))
    if limit is not None and limit <= high:
        shapes.append(
            f'<path d="M{LEFT} {y(limit):.1f}H{WIDTH - RIGHT}" stroke="#e02f44" '
            'stroke-dasharray="6 4" fill="none"/>'
        )
    legend: list[str] = []
    for number, line in enumerate(lines):
        color = COLORS[number % len(COLORS)]
        points = [(x(at), y(value)) for at, value in line.points if math.isfinite(value)]
        path = "L".join(f"{across:.1f} {down:.1f}" for across, down in points)
        shapes.append(f'<path d="M{path}" stroke="{color}" stroke-width="1.4" fill="none"/>')
        named = sum(len(one.name) for one in lines[: number + 1])
        if number < LEGEND_LINES and named <= LEGEND_CHARACTERS:
            legend.append(f'<span><i style="background:{color}"></i>{escape(line.name)}</span>')
    if len(lines) > len(legend):
        legend.append(f"<span>and {len(lines) - len(legend)} more</span>")
    return (
        f'{title}<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" font-size="10">'
        f'{"".join(shapes)}</svg><div class="legend">{"".join(legend)}</div>'
    )


def _axes(
    values: tuple[float, float], seconds: float, unit: str, y: Callable[[float], float]
) -> list[str]:
    low, high = values
    shapes: list[str] = []
    for step in range(5):
        value = low + (high - low) * step / 4
        shapes.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#e8eaed"/>')
        shapes.append(
            f'<text x="{LEFT - 5}" y="{y(value) + 3:.1f}" text-anchor="end" fill="#666">'
            f"{escape(shown(value, unit))}</text>"
        )
    for step in range(5):
        across = LEFT + (WIDTH - LEFT - RIGHT) * step / 4
        ago = seconds * (1 - step / 4)
        text = "now" if step == 4 else f"-{shown(ago, 's')}"
        anchor = "end" if step == 4 else "middle"
        shapes.append(
            f'<text x="{across:.0f}" y="{HEIGHT - 5}" text-anchor="{anchor}" fill="#666">'
            f"{text}</text>"
        )
    return shapes


def rounded(value: float, unit: str) -> float:
    """The next number above whose quarters are short: 1, 2, 4 or 8 times a power of ten.

    Bytes are a power of two, and more than a minute is whole minutes.
    """
    if value <= 0:
        return 1
    if unit == "bytes" and value >= 1:
        return 2.0 ** math.ceil(math.log2(value))
    if unit == "s" and value >= 60:
        return 60 * rounded(value / 60, "")
    power = 10 ** math.floor(math.log10(value))
    return next(one * power for one in (1, 2, 4, 8, 10) if one * power >= value * 0.999)


def shown(value: float, unit: str) -> str:
    """A value as people read it in its unit."""
    if unit == "percentunit":
        percent = value * 100
        return f"{percent:.0f} %" if abs(percent) >= 1000 else f"{percent:.3g} %"
    if unit == "bytes":
        names = ("B", "KiB", "MiB", "GiB")
        number = min(3, int(math.log(abs(value), 1024))) if abs(value) >= 1 else 0
        return f"{value / 1024**number:.3g} {names[number]}"
    if unit == "s":
        if abs(value) >= 60:
            return f"{value / 60:.3g} min"
        return f"{value:.3g} s" if abs(value) >= 1 or value == 0 else f"{value * 1000:.3g} ms"
    ending = {"reqps": " req/s", "cps": " /s"}.get(unit, "")
    return f"{value:.3g}{ending}"
