"""Records whole programs: the checkout in front of us, or another commit's in its own process."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from .graph import ResourceGraph
from .identity import ROOT
from .stack_files import StackFiles, read_stack_files

# The child takes only the recorder from here; stacks/ and components/ come from its own folder.
_CHILD = """
import json, sys
ours, root, outcome = sys.argv[1:]
sys.path.insert(0, ours)
from delivery.programs import run_program
from delivery.stack_files import StackFiles
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


def checked_stack(root: Path, stack: str) -> ResourceGraph:
    """As ``record_stack``, for a graph that is to be shown or written; see ``refuse_broken``."""
    graph = record_stack(root, stack)
    refuse_broken(graph)
    return graph


def refuse_broken(graph: ResourceGraph) -> None:
    """Raises ProblemReport where a cloud would refuse some of the graph, or it is unsafe there."""
    from components.problems import ProblemReport
    from policies import broken_policies

    if problems := broken_policies(graph):
        raise ProblemReport(problems)


def record_files(root: Path, files: StackFiles) -> ResourceGraph:
    """As ``record_stack``, with the stack's files as they were read, or changed since."""
    root = root.resolve()
    return run_program(str(root), files) if root == ROOT else _run_apart(root, files)


def run_program(root: str, files: StackFiles) -> ResourceGraph:
    """Runs ``root``'s ``__main__.py`` as the engine would, in this process."""
    from .record import record

    return record(
        lambda: runpy.run_path(f"{root}/__main__.py", run_name="__main__"),
        project=files.project,
        stack=files.stack,
        config=files.config,
        secret_keys=files.secret_keys,
    )


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
            # Not at the top: the child must find these modules in the folder of its own program.
            from components.problems import Problem, ProblemReport

            raise ProblemReport(Problem(**problem) for problem in said["problems"])
        if "error" in said:
            raise ProgramFailed(said["error"])
        return ResourceGraph.from_json(said["graph"])
