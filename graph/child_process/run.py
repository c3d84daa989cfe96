"""Runs a program in this process as Pulumi's language host does; writes its graph or problems."""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pulumi.runtime import Settings, configure
from pulumi.runtime.stack import run_in_stack

from components.clouds import cloud_of

from ..resource_graph import ResourceGraph
from ..sdk_types import asked
from ..sdk_versions import sdk_of
from ..stack_files import StackFiles
from . import applies, assumptions, calls, configuration, kubernetes_files, outputs, provider_code
from .faults import Faults
from .recording import ProgramRecording
from .server import Engine, serving


def outcome(request: Mapping[str, Any]) -> dict[str, Any]:
    """The graph of the program, or its problems.

    Args:
        request: ``root`` and ``program`` (a file), ``files`` as ``StackFiles`` writes them,
            ``install`` (the command that installs the program's packages), ``environment`` (its
            name).
    """
    files = StackFiles.from_json(request["files"])
    program = Path(request["program"])
    recording = ProgramRecording(
        project=files.project, stack=files.stack, root=Path(request["root"])
    )
    faults = Faults(files, Path(request["root"]), request["environment"], request["install"])
    engine = Engine()
    assumptions.install(recording.notice)
    applies.install(recording.placeholder_ids, recording.notice, Path(request["root"]))
    calls.install(recording.notice)
    configuration.install(faults.configuration, faults.unset)
    kubernetes_files.install(recording.notice)
    outputs.install()
    provider_code.install()
    with serving(recording, engine) as address:
        _settings(files, address)
        ended = _run(program)
    if problems := faults.of(ended, recording.refused, engine.errors, recording.sorted_notices()):
        return {
            "refused": hasattr(ended, "problems"),
            "problems": [vars(problem) for problem in problems],
            "traceback": faults.traceback(ended),
        }
    shapes = _shapes(recording)
    graph = ResourceGraph(
        project=files.project,
        stack=files.stack,
        resources=tuple(recording.recorded.values()),
        notices=recording.sorted_notices(),
    )
    unmasked = {urn: resource.to_dict() for urn, resource in recording.unmasked.items()}
    return {"graph": graph.to_json(), "shapes": shapes, "unmasked": unmasked}


def _settings(files: StackFiles, address: str) -> None:
    """What the language host hands to a program."""
    os.environ["PULUMI_CONFIG"] = json.dumps(files.config)
    os.environ["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(files.secret_keys)
    os.environ["PULUMI_PROJECT"], os.environ["PULUMI_STACK"] = files.project, files.stack
    settings: Any = Settings(
        project=files.project,
        stack=files.stack,
        monitor=address,
        engine=address,
        dry_run=True,
    )
    # As attributes: old versions of the SDK have no arguments of these names.
    settings.organization, settings.root_directory = "organization", str(Path.cwd())
    configure(settings)


def _run(program: Path) -> BaseException | None:
    """The error that ended the program; None where it ran to its end."""
    sys.argv = [str(program)]
    sys.path.insert(0, str(program.parent))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # One call after the other, so that a program is recorded alike each time.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
    loop.set_exception_handler(_quiet)
    try:
        loop.run_until_complete(run_in_stack(_main(program)))
    except SystemExit as ended:
        return None if ended.code in (None, 0) else ended
    except BaseException as error:
        return error
    return None


def _main(program: Path) -> Callable[[], None]:
    def main() -> None:
        runpy.run_path(str(program), run_name="__main__")

    return main


def _quiet(_loop: asyncio.AbstractEventLoop, _context: Mapping[str, Any]) -> None:
    """Reports nothing: the error is raised, and its futures would report it again."""


def _shapes(recording: ProgramRecording) -> dict[str, Any]:
    """The properties of the recorded types, from the SDKs in the program's environment.

    A type of which its SDK does not tell them is left out, and noted.
    """
    shapes: dict[str, Any] = {}
    types = {resource.type for resource in recording.recorded.values() if resource.custom}
    for token in sorted(token for token in types if cloud_of(token)):
        try:
            shapes[token] = asked(token)
        except Exception:  # not installed, or of another time
            package = sdk_of(token.partition(":")[0])
            recording.notice(token, f"{package} does not tell its properties: they are not checked")
    return shapes


def _private(path: str, flags: int) -> int:
    """Opens a file that only this user can read: it has the values of secrets."""
    return os.open(path, flags, 0o600)


def main(request: str, result: str) -> None:
    """Reads the request from one file, and writes the outcome to another."""
    asked = json.loads(Path(request).read_text())
    try:
        found = outcome(asked)
    except Exception:
        found = {"bug": traceback.format_exc(), "sdk": version("pulumi")}
    with open(result, "w", opener=_private) as file:
        json.dump(found, file)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that the program left would hold this process
