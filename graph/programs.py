"""Records whole programs: the checkout in front of us, or another commit's in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .resource_graph import ResourceGraph
from .stack_files import StackFiles, read_stack_files

ROOT = Path(__file__).resolve().parents[1]
"""The folder of the program that ships with this command."""

# The child takes only the recorder and the clouds' facts from here. The program's own packages may
# have the same names: ours are forgotten before it starts.
_CHILD = """
import json, sys
ours, root, outcome = sys.argv[1:]
sys.path.insert(0, ours)
from components.clouds import CLOUDS
from graph.recorder import run_program
from graph.stack_files import StackFiles
facts = [cloud.facts for cloud in CLOUDS]
for name in [*sys.modules]:
    if name.partition(".")[0] in ("components", "graph"):
        del sys.modules[name]
sys.path = [root, *(place for place in sys.path if place not in ("", ours))]
files = StackFiles.from_json(sys.stdin.read())
try:
    said = {"graph": run_program(root, files).to_json()}
except (Exception, SystemExit) as error:
    problems = [vars(problem) for problem in getattr(error, "problems", ())]
    said = {"error": f"{type(error).__name__}: {error}", "problems": problems}
with open(outcome, "w") as file:
    json.dump(said, file)
"""


class ProgramFailed(Exception):  # noqa: N818  (it reports; it is not an error of ours)
    """A program in a process of its own ended with an error; the text says which."""


def record_stack(root: Path, stack: str) -> ResourceGraph:
    """The graph of ``stack``, from the program and the stack files under ``root``.

    This checkout's program runs in this process and raises its own errors; any other runs in
    a new one and raises ProgramFailed, or the ProblemReport that it ended with.
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
            raise ProgramFailed(f"exit status {run.returncode}: {run.stderr.strip()[-2000:]}")
        said = json.loads(outcome.read_text())
        if said.get("problems"):
            from components.base.problems import Problem, ProblemReport

            raise ProblemReport(Problem(**problem) for problem in said["problems"])
        if "error" in said:
            raise ProgramFailed(said["error"])
        return ResourceGraph.from_json(said["graph"])
