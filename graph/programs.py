"""Records whole programs: this checkout's in this process, any other in its own environment."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from components.base.problems import Problem, ProblemReport

from .environment import Environment, environment_of
from .failures import CONSEQUENCE, ProgramFailed
from .program_process import TIME_LIMIT, Ended, run
from .resource_graph import Resource, ResourceGraph
from .stack_files import StackFiles, program_file, read_stack_files

ROOT = Path(__file__).resolve().parents[1]
"""The folder of the program that ships with this command."""

OLDEST_SDK: Final = (3, 100)
"""The oldest version of Pulumi's SDK that programs are recorded with."""

# The child takes only the recorder and the clouds' facts from here. The program's own packages may
# have the same names: ours are removed from sys.modules before it starts. Any Python reads this.
_CHILD: Final = """
import json, sys
ours, request, result = sys.argv[1:]
sys.path = [ours] + [place for place in sys.path if place not in ("", ours)]
def end(**found):
    with open(result, "w") as file:
        json.dump(found, file)
    sys.exit(0)
if sys.version_info < (3, 10):
    end(python="%d.%d" % sys.version_info[:2])
try:
    from components.clouds import CLOUDS
    from graph.child_process.run import main
except ModuleNotFoundError as error:
    end(module=error.name)
facts = [cloud.facts for cloud in CLOUDS]
for name in [*sys.modules]:
    if name.partition(".")[0] in ("components", "graph"):
        del sys.modules[name]
sys.path.remove(ours)
main(request, result)
"""


def record_stack(
    root: Path,
    stack: str,
    *,
    environment_from: Path | None = None,
    seconds: float = TIME_LIMIT,
) -> ResourceGraph:
    """The graph of ``stack``, from the program and the stack files under ``root``.

    This checkout's program runs in this process, any other in a new one of its own environment.

    Args:
        environment_from: the folder whose Pulumi.yaml tells the environment, where it is another
            one than ``root``: a commit of a repository has no environment of its own.
        seconds: how long a program in a process of its own may run.

    Raises:
        ProgramFailed: the program ended with an error that a user can correct. In this process
            any other error is raised as it is.
        ProblemReport: the problems that the program itself reported; it has no environment.
    """
    files = read_stack_files(root, stack)
    return record_files(root, files, environment_from=environment_from, seconds=seconds)


def record_files(
    root: Path,
    files: StackFiles,
    *,
    environment_from: Path | None = None,
    seconds: float = TIME_LIMIT,
) -> ResourceGraph:
    """As ``record_stack``, with the stack's files as they were read, or changed since."""
    root = root.resolve()
    if root != ROOT:
        environment = environment_of((environment_from or root).resolve())
        return _run_in_child_process(root, files, environment, seconds)
    from .recorder import run_program

    return run_program(str(root), files)


def _run_in_child_process(
    root: Path, files: StackFiles, environment: Environment, seconds: float
) -> ResourceGraph:
    program = program_file(root)
    with tempfile.TemporaryDirectory(prefix="qudag-mcp-run-") as folder:
        asked, told = Path(folder) / "request.json", Path(folder) / "result.json"
        request = {
            "root": str(root),
            "program": str(program),
            "files": files.to_json(),
            "environment": environment.name,
            "install": environment.install,
        }
        asked.write_text(json.dumps(request))
        ended = run(
            [str(environment.python), "-c", _CHILD, str(ROOT), str(asked), str(told)],
            program.parent,
            os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            seconds,
        )
        if ended.status is None:
            raise ProgramFailed([_late(program, seconds)])
        if not told.is_file():
            raise ProgramFailed([_crashed(program, ended)])
        result = json.loads(told.read_text())
    return _graph(result, program, environment)


def _graph(result: dict[str, Any], program: Path, environment: Environment) -> ResourceGraph:
    if "graph" in result:
        unmasked = {urn: Resource.from_dict(each) for urn, each in result["unmasked"].items()}
        graph = ResourceGraph.from_json(result["graph"])
        return replace(graph, shapes=result["shapes"], unmasked=unmasked)
    if "problems" in result:
        problems = [Problem(**problem) for problem in result["problems"]]
        if result["refused"]:
            raise ProblemReport(problems)
        raise ProgramFailed(problems, result["traceback"])
    if "module" in result:
        what = f"the module {result['module']} is not installed in {environment.name}"
        raise ProgramFailed([Problem(str(program), what, CONSEQUENCE, environment.install)])
    if "python" in result:
        what = f"its environment {environment.name} has Python {result['python']}"
        fix = "make the environment with Python 3.10 or later, which Pulumi needs as well"
        raise ProgramFailed([Problem(str(program), what, CONSEQUENCE, fix)])
    if _is_older(result["sdk"]):
        what = f"its environment {environment.name} has pulumi {result['sdk']}"
        fix = f"upgrade pulumi to {'.'.join(map(str, OLDEST_SDK))} or later"
        raise ProgramFailed([Problem(str(program), what, CONSEQUENCE, fix)])
    raise RuntimeError(f"a bug of qudag-mcp, with pulumi {result['sdk']}:\n{result['bug']}")


def _is_older(sdk: str) -> bool:
    numbers = tuple(int(part) for part in sdk.split(".")[:2] if part.isdecimal())
    return numbers < OLDEST_SDK


def _late(program: Path, seconds: float) -> Problem:
    return Problem(
        path=str(program),
        what=f"it did not end within {seconds:g} s and was ended, with the processes it started",
        consequence=CONSEQUENCE,
        fix="correct what it waits for, such as a network that is not reached; "
        "or give it more time with --timeout SECONDS",
    )


def _crashed(program: Path, ended: Ended) -> Problem:
    written = ended.errors.strip()[-2000:]
    return Problem(
        path=str(program),
        what=f"its process ended with exit status {ended.status}: {written}",
        consequence=CONSEQUENCE,
        fix="correct the program; it must not end its process itself",
    )
