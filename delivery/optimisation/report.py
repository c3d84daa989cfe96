"""Shows what is proposed: a table, the saving, and what was not judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.base.problems import Problem

from .proposal import MEBI, Change, Proposal


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What a person pays for requests, in a currency of theirs.

    Attributes:
        core: of one core for a month; None: unknown.
        gibibyte: of one GiB of memory for a month; None: unknown.
    """

    core: float | None = None
    gibibyte: float | None = None

    def of(self, cores: float, size: float) -> float | None:
        """The price of cores and bytes for a month; None without both prices."""
        if self.core is None or self.gibibyte is None:
            return None
        return cores * self.core + size / 1024 / MEBI * self.gibibyte


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """The result for a stack.

    Attributes:
        proposals: of the workloads with enough data.
        unjudged: of the others, why.
        difference: unified diff of the stack file; empty: nothing changes.
        refused: why the stack would be refused with the changes; empty: it is accepted.
    """

    proposals: Sequence[Proposal]
    unjudged: Sequence[Problem]
    difference: str = ""
    refused: Sequence[Problem] = ()

    @property
    def changes(self) -> list[Change]:
        """All changes of the stack file."""
        return [change for proposal in self.proposals for change in proposal.changes]

    @property
    def saved(self) -> tuple[float, float]:
        """Cores and bytes of requests that are saved."""
        return (
            sum(one.saved_cpu for one in self.proposals),
            sum(one.saved_memory for one in self.proposals),
        )


def lines(judged: Assessment, prices: Prices) -> Iterator[str]:
    """The result for people."""
    for proposal in judged.proposals:
        workload, usage = proposal.workload, proposal.usage
        yield (
            f"{workload.name}: {usage.hours:.1f} h of {usage.source}; the busiest pod used "
            f"{proposal.used_cpu * 1000:.0f}m of CPU and {proposal.used_memory / MEBI:.0f}Mi of "
            "memory"
        )
        for change in proposal.changes:
            yield f"  {'.'.join(change.path)}: {change.before} → {change.after}: {change.why}"
        for note in proposal.notes:
            yield f"  {note}"
        if not proposal.changes:
            yield "  its size fits"
    for problem in judged.unjudged:
        yield f"not judged: {problem}"
    cores, size = judged.saved
    if judged.changes:
        yield _saving(cores, size, prices)
    if judged.difference:
        yield ""
        yield judged.difference


def _saving(cores: float, size: float, prices: Prices) -> str:
    parts = [
        f"{abs(cores):.3g} cores {'less' if cores >= 0 else 'more'}",
        f"{abs(size) / MEBI:.0f}Mi of memory {'less' if size >= 0 else 'more'}",
    ]
    text = f"Requests of all pods: {' and '.join(parts)}"
    price = prices.of(cores, size)
    if price is None:
        return text
    return f"{text}; {abs(price):.2f} a month {'saved' if price >= 0 else 'more'}"


def to_json(judged: Assessment, prices: Prices) -> dict[str, Any]:
    """The result for programs; CPU in cores, memory in bytes, time in hours."""
    cores, size = judged.saved
    return {
        "workloads": [_workload(one) for one in judged.proposals],
        "not_judged": [
            {"path": one.path, "what": one.what, "fix": one.fix} for one in judged.unjudged
        ],
        "saved": {"cpu": round(cores, 6), "memory": round(size), "price": prices.of(cores, size)},
        "diff": judged.difference,
    }


def _workload(proposal: Proposal) -> dict[str, Any]:
    changes: list[Mapping[str, Any]] = [
        {"path": ".".join(one.path), "before": one.before, "after": one.after, "why": one.why}
        for one in proposal.changes
    ]
    return {
        "name": proposal.workload.name,
        "namespace": proposal.workload.namespace,
        "source": proposal.usage.source,
        "hours": round(proposal.usage.hours, 3),
        "used": {"cpu": round(proposal.used_cpu, 6), "memory": round(proposal.used_memory)},
        "changes": changes,
        "saved": {"cpu": round(proposal.saved_cpu, 6), "memory": round(proposal.saved_memory)},
        "notes": list(proposal.notes),
    }
