"""Measures the components' cost, compared with a flat program with the same resources."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from components.base.versions import VERSIONS

from .flat_program import flat_program

if TYPE_CHECKING:
    from rich.table import Table

    from graph.resource_graph import ResourceGraph

SIZES = (100, 1_000, 10_000)
RUNS = 4
"""Number of runs of each program; the fastest counts, because other load only slows them."""

_ROOT = Path(__file__).resolve().parents[2]

# The clock starts before the SDKs are imported: that is what a preview waits for. The peak is this
# program's own: getrusage's would start from that of the process that started it.
_CHILD = """
import gc, json, pathlib, re, sys, time
started = time.perf_counter()
gc.set_threshold(100_000)  # as the command does
from tools.bench.overhead import program
graph = program(sys.argv[1])
seconds = time.perf_counter() - started
peak = int(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) / 1024
resources = sum(r.custom and not r.type.startswith("pulumi:") for r in graph.resources)
print(json.dumps([seconds, peak, resources]))
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of one program: wall time in seconds, peak memory in MiB, number of resources."""

    seconds: float
    mebibytes: float
    resources: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The cost of the components and of the flat program."""

    name: str
    components: Cost
    flat: Cost

    @property
    def time_ratio(self) -> float:
        return self.components.seconds / self.flat.seconds

    @property
    def memory_ratio(self) -> float:
        return self.components.mebibytes / self.flat.mebibytes


def program(name: str) -> ResourceGraph:
    """Record the program ``name``: a stack, ``workloads:N`` or ``flat:FOLDER``."""
    from graph.programs import record_stack
    from graph.recorder import record

    kind, _, argument = name.partition(":")
    match kind:
        case "flat":
            sys.path.insert(0, argument)
            return record(lambda: import_module("flat").program())
        case "workloads":
            return record(lambda: _workloads(int(argument)))
        case _:
            return record_stack(_ROOT, name)


def _workloads(resources: int) -> None:
    """Create Workloads with about ``resources`` Kubernetes resources in total, five each."""
    from components.kubernetes.container import Container, Files, Port
    from components.kubernetes.workload import Exposure, Workload, WorkloadArgs

    for number in range(resources // 5):
        name = f"server-{number}"
        container = Container(
            name="server",
            image=VERSIONS["images"]["server"],
            command=["qudag-mcp-server"],
            ports=[Port(name="https", number=8443, service=8443)],
            files=[Files(name=name, path="/etc/qudag", content={"server.toml": "[server]\n"})],
        )
        exposure = Exposure(name=f"{name}-service")
        Workload(
            name,
            WorkloadArgs(
                namespace="bench", component="core", containers=[container], exposure=exposure
            ),
        )


def measure(stacks: list[str], tell: Callable[[str], None]) -> list[Comparison]:
    """Measure every stack, then Workloads of each of ``SIZES``; ``tell`` shows progress."""
    names = [*stacks, *(f"workloads:{size}" for size in SIZES)]
    found: list[Comparison] = []
    for name in names:
        tell(f"components: {name}")
        with tempfile.TemporaryDirectory() as folder:
            flat_file = Path(folder, "flat.py")
            flat_file.write_text(flat_program(program(name)))
            py_compile.compile(str(flat_file))  # as the components are, before the clock starts
            runs = 1 if name.endswith(str(SIZES[-1])) else RUNS
            # In turn, so that a busy moment of the machine does not fall on one side alone.
            pairs = [(_run(name), _run(f"flat:{folder}")) for _ in range(runs)]
        components, flat = (
            min(costs, key=lambda cost: cost.seconds) for costs in zip(*pairs, strict=True)
        )
        found.append(Comparison(name=name, components=components, flat=flat))
    return found


def _run(name: str) -> Cost:
    ours = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, name],
        check=True,
        capture_output=True,
        text=True,
        cwd=_ROOT,
        env={**ours, "PYTHONPATH": str(_ROOT)},
    )
    seconds, mebibytes, resources = json.loads(ran.stdout)
    return Cost(seconds=seconds, mebibytes=mebibytes, resources=resources)


def table(comparisons: list[Comparison]) -> Table:
    """The table of all comparisons, ratios first."""
    from rich.table import Table

    shown = Table(title="Offline preview: components over a flat program of the same resources")
    for heading in (
        "program", "time ×", "memory ×", "resources", "seconds", "flat", "ms each", "flat",
        "MiB", "flat",
    ):  # fmt: skip
        shown.add_column(heading, justify="left" if heading == "program" else "right")
    for one in comparisons:
        ours, flat = one.components, one.flat
        shown.add_row(
            one.name,
            f"{one.time_ratio:.2f}",
            f"{one.memory_ratio:.2f}",
            str(ours.resources),
            f"{ours.seconds:.2f}",
            f"{flat.seconds:.2f}",
            f"{1000 * ours.seconds / ours.resources:.2f}",
            f"{1000 * flat.seconds / flat.resources:.2f}",
            f"{ours.mebibytes:.0f}",
            f"{flat.mebibytes:.0f}",
        )
    return shown
