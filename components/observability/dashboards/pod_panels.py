"""Panels about pods: whether they answer, what they use, what a request uses."""

from __future__ import annotations

from typing import Final

from .dashboard import Panel, Query, Unit
from .queries import INTERVAL, gauge, rate, ratio, selector, total

TARGETS: Final = Panel(
    title="Pods that answer Prometheus",
    meaning="Pods of each workload whose metrics could be read.",
    unit=Unit.NUMBER,
    queries=[Query(expr=gauge("up", by=("job",)), legend="{{job}}")],
)
DEPENDENCIES: Final = Panel(
    title="Dependencies",
    meaning="1 while a dependency answers all pods of a server, 0 while it does not answer one.",
    unit=Unit.NUMBER,
    queries=[
        Query(
            expr=gauge("mcp_dependency_up", by=("job", "dependency"), how="min"),
            legend="{{job}} {{dependency}}",
        )
    ],
    at_most=1,
)
DRAINING: Final = Panel(
    title="Pods that end",
    meaning="Pods that drain: they finish their calls and take no new connections. Also calls "
    "that they cancelled.",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=gauge("mcp_draining", by=("job",)), legend="{{job}}"),
        Query(
            expr=total(
                f"increase({selector('mcp_calls_cancelled_by_drain_total')}[{INTERVAL}])",
                "mcp_calls_cancelled_by_drain_total",
                by=("job",),
            ),
            legend="{{job}} cancelled",
        ),
    ],
)
MEMORY: Final = Panel(
    title="Memory",
    meaning="Resident memory of each pod's main process.",
    unit=Unit.BYTES,
    queries=[
        Query(
            expr=gauge("process_resident_memory_bytes", by=("job", "pod"), how="max"),
            legend="{{pod}}",
        )
    ],
)
PROCESSOR: Final = Panel(
    title="Processor cores in use",
    meaning="Of each workload; 1 is one core all the time.",
    unit=Unit.CORES,
    queries=[Query(expr=rate("process_cpu_seconds_total", by=("job",)), legend="{{job}}")],
)
FILES: Final = Panel(
    title="Open files",
    meaning="Open file descriptors, as a share of those that the process may have.",
    unit=Unit.SHARE,
    queries=[
        Query(
            expr=total(
                f"{selector('process_open_fds')} / {selector('process_max_fds')}",
                "process_open_fds",
                by=("job",),
                how="max",
            ),
            legend="{{job}}",
        )
    ],
)
WORKERS: Final = Panel(
    title="Worker processes",
    meaning="Worker processes that run, and those that ended and were started again.",
    unit=Unit.NUMBER,
    queries=[
        Query(expr=gauge("mcp_workers", by=("job",)), legend="{{job}}"),
        Query(
            expr=rate("mcp_workers_replaced_total", by=("job",)),
            legend="{{job}} replaced in a second",
        ),
    ],
)
PROCESSOR_TIME: Final = Panel(
    title="Processor time of a request",
    meaning="Seconds of processor time for each MCP request; no prices.",
    unit=Unit.SECONDS,
    queries=[
        Query(
            expr=ratio(
                rate("process_cpu_seconds_total", by=("job",)),
                rate("mcp_requests_total", by=("job",)),
            ),
            legend="{{job}}",
        )
    ],
)
ALL_MEMORY: Final = Panel(
    title="Memory of all pods",
    meaning="Resident memory of a workload's pods together; which they use even without requests.",
    unit=Unit.BYTES,
    queries=[Query(expr=gauge("process_resident_memory_bytes", by=("job",)), legend="{{job}}")],
)
