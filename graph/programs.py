"""Records whole programs: this checkout's in this process, any other in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from components.base.problems import Problem, ProblemReport

from .failures import ProgramFailed
from .resource_graph import ResourceGraph
from .stack_files import StackFiles, read_stack_files

ROOT = Path(__file__).resolve().parents[1]
"""The folder of the program that ships with this command."""

# The child takes only the recorder and the clouds' facts from here. The program's own packages may
# have the same names: ours are removed from sys.modules before it starts.
_CHILD = """
import json, sys
from pathlib import Path
ours, root, outcome = sys.argv[1:]
sys.path.insert(0, ours)
from components.clouds import CLOUDS
from graph.failures import ProgramFailed, any_failure
from graph.recorder import run_program
from graph.stack_files import StackFiles
facts = [cloud.facts for cloud in CLOUDS]
for name in [*sys.modules]:
    if name.partition(".")[0] in ("components", "graph"):
        del sys.modules[name]
sys.path = [root, *(place for place in sys.path if place not in ("", ours))]
files = StackFiles.from_json(sys.stdin.read())
try:
    result = {"graph": run_program(root, files).to_json()}
except (Exception, SystemExit) as error:
    problems = getattr(error, "problems", None) or [any_failure(error, files, Path(root))]
    refused = hasattr(error, "problems") and not isinstance(error, ProgramFailed)
    result = {"refused": refused, "problems": [vars(problem) for problem in problems]}
with open(outcome, "w") as file:
    json.dump(result, file)
"""


def record_stack(root: Path, stack: str) -> ResourceGraph:
    """The graph of ``stack``, from the program and the stack files under ``root``.

    This checkout's program runs in this process, any other in a new one.

    Raises:
        ProgramFailed: the program ended with an error that a user can correct. In this process
            any other error is raised as it is.
        ProblemReport: the problems that the program itself reported.
    """
    return record_files(root, read_stack_files(root, stack))


def record_files(root: Path, files: StackFiles) -> ResourceGraph:
    """As ``record_stack``, with the stack's files as they were read, or changed since."""
    root = root.resolve()
    if root != ROOT:
        return _run_apart(root, files)
    from .recorder import run_program

    return run_program(str(root), files)


def _run_apart(root: Path, files: StackFiles) -> ResourceGraph:
    with tempfile.TemporaryDirectory() as folder:
        outcome = Path(folder) / "outcome.json"
        run = subprocess.run(
            [sys.executable, "-c", _CHILD, str(ROOT), str(root), str(outcome)],
            input=files.to_json(),
            cwd=root,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if not outcome.is_file():
            raise ProgramFailed([_crashed(root, run)])
        result = json.loads(outcome.read_text())
    if "graph" in result:
        return ResourceGraph.from_json(result["graph"])
    report = ProblemReport if result["refused"] else ProgramFailed
    raise report(Problem(**problem) for problem in result["problems"])


def _crashed(root: Path, run: subprocess.CompletedProcess[str]) -> Problem:
    written = run.stderr.strip()[-2000:]
    return Problem(
        path=str(root / "__main__.py"),
        what=f"its process ended with exit status {run.returncode}: {written}",
        consequence="what the program would deploy is not known",
        fix="correct the program; it must not end its process itself",
    )
