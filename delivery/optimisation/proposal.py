"""What is proposed for a workload: never less than it used."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from components.base.quantities import quantity

from .usage import Usage, largest, quantile, share_above
from .workload_sizes import SizedWorkload

Rounded = Callable[[float], tuple[str, float]]
"""Rounds a number up: the quantity as a stack file has it, and the number."""
MEBI: Final = 1024**2
THROTTLED_SHARE: Final = 0.05
"""Share of CPU periods in which a container had to wait, above which its limit is too small."""
NEAR_LIMIT: Final = 0.9
"""Share of a limit above which use is near it."""
TIME_AT_MAXIMUM: Final = 0.05
"""Share of the time at the largest number of pods above which that number is too small."""
KEPT_SHARE: Final = 0.9
"""A request that would keep more than this share of itself stays as it is."""


@dataclass(frozen=True, kw_only=True)
class Margins:
    """How a proposal follows from use.

    Attributes:
        cpu_quantile: share of the time in which the proposed CPU request is enough.
        headroom: what is added to use, as a share of it.
    """

    cpu_quantile: float = 0.95
    headroom: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Change:
    """One value of the stack file.

    Attributes:
        path: of the value, by steps as in the stack file.
        before, after: as the stack file has it; before is what is in effect.
        why: in a sentence.
        written_with: values of the same mapping that must be written with it, by their names.
    """

    path: tuple[str, ...]
    before: str | int
    after: str | int
    why: str
    written_with: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def name(self) -> str:
        """Its name in the stack file."""
        return self.path[-1]


@dataclass(kw_only=True)
class Proposal:
    """What is proposed for a workload.

    Attributes:
        used_cpu: cores, at the quantile, of the busiest pod.
        used_memory: bytes, at most, of the pod with the most.
        saved_cpu, saved_memory: cores and bytes of requests that are saved by all pods; negative:
            that are needed more.
        notes: what was seen, and why something stays.
    """

    workload: SizedWorkload
    usage: Usage
    used_cpu: float
    used_memory: float
    changes: list[Change] = field(default_factory=list[Change])
    saved_cpu: float = 0.0
    saved_memory: float = 0.0
    notes: list[str] = field(default_factory=list[str])


def propose(workload: SizedWorkload, usage: Usage, margins: Margins) -> Proposal:
    """The proposal for a workload with enough data."""
    used_cpu = quantile(usage.cpu, margins.cpu_quantile)
    used_memory = largest(usage.memory)
    found = Proposal(workload=workload, usage=usage, used_cpu=used_cpu, used_memory=used_memory)
    pods = _pods(workload, usage, margins, found)
    after: dict[str, str] = {}
    if workload.resized:
        found.notes.append("the Vertical Pod Autoscaler sets its requests: they stay")
    else:
        after |= _cpu(workload, usage, margins, found, pods)
        after |= _memory(workload, usage, margins, found, pods)
    after |= _limits(workload, usage, found, after)
    _guaranteed(workload, after)
    found.changes.extend(_changed(workload, after, found))
    _saved(found, pods, after)
    return found


def _pods(workload: SizedWorkload, usage: Usage, margins: Margins, found: Proposal) -> int:
    """The pods that run while nothing needs more, as proposed."""
    usual = workload.usual_pods
    ran = largest(usage.pods)
    if workload.most is not None and workload.least is not None:
        busy = share_above(usage.pods, workload.most - 1)
        if busy > TIME_AT_MAXIMUM and workload.most > workload.least:
            more = math.ceil(workload.most * 1.5)
            found.changes.append(
                Change(
                    path=(*workload.pods_path, "max"),
                    before=workload.most,
                    after=more,
                    why=f"{busy:.0%} of the time it had as many pods as it may have",
                    written_with={"min": workload.least},
                )
            )
            return usual
    if workload.fewest is None or usual <= workload.fewest or ran > usual:
        return usual
    target = workload.cpu_target or 1.0
    total = quantile(usage.cpu_of_all, margins.cpu_quantile) * (1 + margins.headroom)
    needed = math.ceil(total / (float(quantity(workload.now["cpu"])) * target))
    fewer = max(workload.fewest, needed)
    if fewer >= usual:
        return usual
    field_name = "min" if workload.least is not None else "replicas"
    found.changes.append(
        Change(
            path=(*workload.pods_path, field_name),
            before=usual,
            after=fewer,
            why=f"all pods together used {_cores(total / (1 + margins.headroom))} of CPU",
            written_with={"max": workload.most} if workload.most is not None else {},
        )
    )
    return fewer


def _cpu(
    workload: SizedWorkload, usage: Usage, margins: Margins, found: Proposal, pods: int
) -> dict[str, str]:
    """The CPU request: what a pod used, and what keeps an autoscaler where it is."""
    now = float(quantity(workload.now["cpu"]))
    if workload.cpu_target and largest(usage.pods) > workload.usual_pods:
        found.notes.append("its autoscaler has added pods by CPU: the CPU request stays")
        return {}
    # With fewer pods each gets its part of the others' work.
    grows = workload.usual_pods / pods
    wanted = found.used_cpu * grows * (1 + margins.headroom) / (workload.cpu_target or 1.0)
    floor = max(float(quantity(workload.floor["cpu"])), found.used_cpu * grows)
    return _request("cpu", now, max(wanted, floor), _millicores)


def _memory(
    workload: SizedWorkload, usage: Usage, margins: Margins, found: Proposal, pods: int
) -> dict[str, str]:
    now = float(quantity(workload.now["memory"]))
    if workload.memory_target and largest(usage.pods) > workload.usual_pods:
        found.notes.append("its autoscaler has added pods: the memory request stays")
        return {}
    grows = workload.usual_pods / pods
    wanted = found.used_memory * grows * (1 + margins.headroom) / (workload.memory_target or 1.0)
    floor = max(float(quantity(workload.floor["memory"])), found.used_memory * grows)
    return _request("memory", now, max(wanted, floor), _mebibytes)


def _request(name: str, now: float, wanted: float, written: Rounded) -> dict[str, str]:
    text, value = written(wanted)
    if now * KEPT_SHARE < value <= now:
        return {}
    return {name: text} if value != now else {}


def _limits(
    workload: SizedWorkload, usage: Usage, found: Proposal, after: Mapping[str, str]
) -> dict[str, str]:
    """Larger limits for what was at them; a limit is never lowered, since it reserves nothing."""
    raised: dict[str, str] = {}
    cpu, memory = (float(quantity(workload.now[f"{one}_limit"])) for one in ("cpu", "memory"))
    throttled = quantile(usage.throttled, 0.95)
    if throttled > THROTTLED_SHARE or found.used_cpu > cpu * NEAR_LIMIT:
        raised["cpu_limit"] = _millicores(cpu * 1.5)[0]
        if throttled > THROTTLED_SHARE:
            found.notes.append(f"throttled in {throttled:.0%} of its CPU periods")
    if usage.killed or found.used_memory > memory * NEAR_LIMIT:
        raised["memory_limit"] = _mebibytes(max(memory, found.used_memory) * 1.5)[0]
        if usage.killed:
            found.notes.append(f"killed {usage.killed} times for its memory")
    for name in ("cpu", "memory"):
        request, limit = after.get(name), raised.get(f"{name}_limit", workload.now[f"{name}_limit"])
        if request and quantity(request) > quantity(limit):
            raised[f"{name}_limit"] = request
    return raised


def _guaranteed(workload: SizedWorkload, after: dict[str, str]) -> None:
    """Keeps requests equal to limits where they are: the pods have the QoS class Guaranteed."""
    for name in ("cpu", "memory"):
        if workload.now[name] == workload.now[f"{name}_limit"]:
            larger = [after[one] for one in (name, f"{name}_limit") if one in after]
            if larger:
                after[name] = after[f"{name}_limit"] = max(larger, key=quantity)


def _changed(
    workload: SizedWorkload, after: Mapping[str, str], found: Proposal
) -> Iterator[Change]:
    reasons = {
        "cpu": f"the busiest pod used {_cores(found.used_cpu)}",
        "memory": f"a pod used at most {found.used_memory / MEBI:.0f}Mi",
        "cpu_limit": "use was near it, it was throttled, or the request is as large",
        "memory_limit": "use was near it, it was killed for it, or the request is as large",
    }
    for name, text in after.items():
        if quantity(text) != quantity(workload.now[name]):
            yield Change(
                path=(*workload.path, _camel(name)),
                before=workload.now[name],
                after=text,
                why=reasons[name],
            )


def _saved(found: Proposal, pods: int, after: Mapping[str, str]) -> None:
    """Requests of the pods that run while nothing needs more."""
    workload = found.workload
    for name in ("cpu", "memory"):
        before = float(quantity(workload.now[name])) * workload.usual_pods
        saved = before - float(quantity(after.get(name, workload.now[name]))) * pods
        if name == "cpu":
            found.saved_cpu = saved
        else:
            found.saved_memory = saved


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def _cores(value: float) -> str:
    return f"{value * 1000:.0f}m"


def _millicores(cores: float) -> tuple[str, float]:
    """Rounded up: to 5m below 100m, to 25m below 1, to 100m above."""
    milli = math.ceil(Decimal(str(round(cores * 1000, 3))))
    step = 5 if milli < 100 else 25 if milli < 1000 else 100
    rounded = -(-milli // step) * step
    return (f"{rounded // 1000}" if rounded % 1000 == 0 else f"{rounded}m"), rounded / 1000


def _mebibytes(size: float) -> tuple[str, float]:
    """Rounded up: to 16Mi below 512Mi, to 64Mi below 2Gi, to 256Mi above."""
    mebi = math.ceil(size / MEBI)
    step = 16 if mebi < 512 else 64 if mebi < 2048 else 256
    rounded = -(-mebi // step) * step
    text = f"{rounded // 1024}Gi" if rounded % 1024 == 0 else f"{rounded}Mi"
    return text, float(rounded * MEBI)
