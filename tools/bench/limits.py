"""The limits of what `make bench` measures, and whether a run is within them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from . import agents
from .agents import Agents
from .call_cost import CallCost, Era
from .cold_start import ColdStart
from .federation import Federated
from .overhead import SIZES, Comparison
from .preview_time import Preview
from .serving import CALL, HEALTH, Serving

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Results:
    """What one run has measured."""

    programs: Sequence[Comparison]
    previews: Sequence[Preview]
    agents: Sequence[Agents]
    called: dict[Era, CallCost]
    served: Serving
    federated: Federated
    started: ColdStart


@dataclass(frozen=True)
class Limited:
    """A measured value with its limit."""

    name: str
    value: float
    comparison: Literal["<", "<=", ">=", "="]
    limit: float
    digits: int = 2

    @property
    def held(self) -> bool:
        """Whether the value is within the limit."""
        return {
            "<": self.value < self.limit,
            "<=": self.value <= self.limit,
            ">=": self.value >= self.limit,
            "=": self.value == self.limit,
        }[self.comparison]


def preview_limit(preview: Preview) -> float:
    """Most CPU seconds of a preview. A stack with dashboards, logs and traces has more to check."""
    return 1.4 if preview.stack == "dev" else 2.0


def limited(found: Results) -> list[Limited]:
    """Every value of a run that has a limit."""
    return [*_programs(found), *_requests(found), *_streams(found), *_started(found)]


def table(values: Sequence[Limited]) -> Table:
    """The table of all limits, and which of them are not held."""
    from rich.table import Table

    broken = sum(not one.held for one in values)
    shown = Table(
        title="Limits",
        caption=f"{broken} of {len(values)} are not held" if broken else f"all {len(values)} held",
    )
    for heading in ("", "measured", "limit", "held"):
        shown.add_column(heading, justify="left" if not heading else "right")
    for one in values:
        shown.add_row(
            one.name,
            f"{one.value:.{one.digits}f}",
            f"{one.comparison} {one.limit:g}",
            "yes" if one.held else "[bold red]no[/]",
        )
    return shown


def _programs(found: Results) -> Iterator[Limited]:
    for one in found.programs:
        yield Limited(f"{one.name}, time × flat program", one.time_ratio, "<=", 1.15)
        yield Limited(f"{one.name}, memory × flat program", one.memory_ratio, "<=", 1.25)
    by_name = {one.name: one for one in found.programs}
    few, many = (by_name[f"workloads:{size}"] for size in (SIZES[0], SIZES[-1]))
    least = max(few.time_ratio, 1)
    yield Limited(f"{many.name}, time × not above that of {few.name}", many.time_ratio, "<=", least)
    for one in found.previews:
        yield Limited(
            f"preview of {one.stack}: CPU seconds", one.cpu_seconds, "<", preview_limit(one)
        )
    name = f"{agents.MANY} agents: time a resource, × that of {agents.FEW}"
    yield Limited(name, agents.ratio(found.agents), "<=", agents.MOST)


def _requests(found: Results) -> Iterator[Limited]:
    served, federated = found.served, found.federated
    for era, cost in found.called.items():
        yield Limited(f"echo, {era}: calls, × bare server of the SDK", cost.ratio, ">=", 0.8)
    for kind in (HEALTH, CALL):
        yield Limited(f"{kind}: the gateway adds, ms", served.added_ms(kind), "<", 1)
    yield Limited("authentication at the gateway adds, ms", served.authentication_ms, "<", 1)
    yield Limited("federation adds, ms", federated.added_ms, "<", 4)


def _streams(found: Results) -> Iterator[Limited]:
    served, federated = found.served, found.federated
    name = f"{federated.streams:,} streams through federation: memory, × direct"
    yield Limited(name, federated.memory_ratio, "<", 1.5)
    yield Limited("streams: KiB each in the server", served.server_kib, "<", 150, 0)
    yield Limited("streams: KiB each in nginx", served.nginx_kib, "<", 100, 0)
    yield Limited("streams open after the calls", served.alive, "=", served.streams, 0)
    yield Limited("streams ended properly", served.whole, "=", served.streams, 0)
    yield Limited("drain of all streams, s", served.drain_seconds, "<", 8, 1)


def _started(found: Results) -> Iterator[Limited]:
    yield Limited("start of a function, × import of the SDK", found.started.ratio, "<=", 1.5)
    for size in found.started.sizes:
        yield Limited(f"{size.host}: MB", size.zipped, "<", 25, 1)
        yield Limited(f"{size.host}: MB unpacked", size.unzipped, "<", 80, 1)
