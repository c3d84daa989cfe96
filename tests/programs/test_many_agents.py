"""The work for one more agent is the same in a small platform and in a large one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from types import CodeType, FrameType
from typing import Any

import pytest
import yaml

from tests.harness.containers import ROOT
from tests.harness.example_stacks import program_in
from tools.bench.agents import configuration, recorded

pytestmark = pytest.mark.slow


def calls(agents: int) -> Counter[CodeType]:
    """How often each function of the project is called while so many agents are recorded."""
    found: Counter[CodeType] = Counter()

    def counted(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found[frame.f_code] += 1

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        recorded(agents)
    finally:
        sys.setprofile(before)
    return Counter({code: count for code, count in found.items() if is_own(code.co_filename)})


def is_own(file: str) -> bool:
    return file.startswith(f"{ROOT}/") and "/.venv/" not in file


def test_no_function_is_called_more_often_for_an_agent_when_there_are_many():
    recorded(4)  # what is done once in a process
    ten, twenty, forty = (calls(agents) for agents in (10, 20, 40))
    assert "Placement.host" in {code.co_qualname for code in forty}
    more = {
        f"{code.co_qualname} in {code.co_filename}": (first, second)
        for code in forty
        for first, second in [(twenty[code] - ten[code], forty[code] - twenty[code])]
        if second > 2.05 * first + 60
    }
    assert more == {}
    assert forty.total() - twenty.total() <= 2.02 * (twenty.total() - ten.total())


def test_a_preview_with_fifty_agents_takes_less_than_four_seconds_of_cpu_time(tmp_path: Path):
    program_in(tmp_path)
    config = {
        f"qudag-mcp:{name}": text if name == "topology" else json.loads(text)
        for name, text in configuration(50).items()
    }
    (tmp_path / "Pulumi.many.yaml").write_text(yaml.safe_dump({"config": config}))
    command = [sys.executable, "-m", "delivery", "preview", "--cwd", str(tmp_path)]
    before = getrusage(RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, "--stack", "many"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    after = getrusage(RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert "role-45-agent" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4
