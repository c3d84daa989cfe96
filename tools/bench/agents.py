"""Measures whether the time for each resource grows with the number of agents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.table import Table

FEW, MANY = 4, 50
MOST: Final = 1.15
"""Time a resource with many agents, as a multiple of that with few. The resources of an agent are a
little larger than those of the rest of the platform, and the machine's noise is a few percent."""
RUNS = 6
"""Number of runs of each platform; they alternate, and the fastest counts."""
ROLES: Final = ("business-analyst", "technical-architect", "developer", "qa-tester")
_ROOT = Path(__file__).resolve().parents[2]

# What is imported and compiled once is not a cost of a resource: a first platform comes before.
_CHILD = """
import gc, sys, time
gc.disable()  # one collection or none: that is a tenth of the time
from tools.bench.agents import recorded
recorded(4)
started = time.process_time()
made = recorded(int(sys.argv[1]))
print(time.process_time() - started, len(made.resources))
"""


@dataclass(frozen=True, kw_only=True)
class Agents:
    """CPU time in which one platform is recorded.

    Attributes:
        agents: their number.
        seconds: without imports.
        resources: of the platform.
    """

    agents: int
    seconds: float
    resources: int

    @property
    def milliseconds_each(self) -> float:
        """The time for one resource."""
        return 1_000 * self.seconds / self.resources


def configuration(agents: int) -> dict[str, str]:
    """The topology ``orchestration`` with this many agents, each with an image and a model."""
    entry = {
        "namespace": "agents",
        "exposed": False,
        "port": 3001,
        "replicas": 2,
        "egress": {"hosts": ["api.openai.com:443"]},
        "secretEnv": {"OPENAI_API_KEY": "llm-secrets/openai-api-key"},
    }
    own = {f"{role}-agent": _image(role) for role in ROLES}
    more = {
        f"role-{number}-agent": entry | _image(f"role-{number}")
        for number in range(agents - len(own))
    }
    sections = {"network": {"clients": ["10.0.0.0/8"]}, "servers": own | more}
    written = {name: json.dumps(section) for name, section in sections.items()}
    return {"topology": "orchestration", **written}


def _image(role: str) -> dict[str, str]:
    return {"image": f"registry.example.com/{role}:1.0.0"}


def recorded(agents: int) -> Any:
    """The graph of that platform."""
    from graph.recorder import record
    from stacks.program import main

    return record(main, stack="dev", config=configuration(agents))


def measure(tell: Callable[[str], None]) -> list[Agents]:
    """Record the platforms in processes of their own."""
    tell(f"agents: {FEW} and {MANY}")
    runs = [_run(agents) for _ in range(RUNS) for agents in (FEW, MANY)]
    return [
        min((one for one in runs if one.agents == agents), key=lambda one: one.seconds)
        for agents in (FEW, MANY)
    ]


def ratio(found: Sequence[Agents]) -> float:
    """Time a resource with the most agents, as a multiple of that with the fewest."""
    few, many = (min(found, key=_number), max(found, key=_number))
    return many.milliseconds_each / few.milliseconds_each


def _number(one: Agents) -> int:
    return one.agents


def _run(agents: int) -> Agents:
    command = [sys.executable, "-c", _CHILD, str(agents)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    said = subprocess.run(
        command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=True
    )
    seconds, resources = said.stdout.split()
    return Agents(agents=agents, seconds=float(seconds), resources=int(resources))


def table(found: Sequence[Agents]) -> Table:
    """The table of both platforms."""
    from rich.table import Table

    shown = Table(title="The topology orchestration, recorded")
    for heading in ("agents", "resources", "CPU seconds", "ms each"):
        shown.add_column(heading, justify="right")
    for one in found:
        each = f"{one.milliseconds_each:.2f}"
        shown.add_row(str(one.agents), str(one.resources), f"{one.seconds:.2f}", each)
    return shown
