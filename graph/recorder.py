"""Runs a Pulumi program against a monitor in this process, and returns what it registered."""

from __future__ import annotations

import asyncio
import contextvars
import runpy
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockEngine, MockSettings
from pulumi.runtime.settings import configure, set_root_resource
from pulumi.runtime.stack import run_in_stack

from . import plain_calls, source_positions
from .failures import ProgramFailed, failure
from .monitor import RecordingMonitor
from .resource_graph import ResourceGraph
from .stack_files import StackFiles

_MOST_TURNS: Final = 1000


def record(
    program: Callable[[], object],
    *,
    project: str = "qudag-mcp",
    stack: str = "dev",
    config: Mapping[str, str] | None = None,
    secret_keys: tuple[str, ...] = (),
) -> ResourceGraph:
    """The graph of what ``program`` would deploy, with nothing deployed and no engine.

    The program runs as in a preview: what only a deployment can know is ``"[unknown]"``, and
    functions applied to it do not run. Its errors are raised as they are. Several calls in one
    process, also at the same time, do not influence each other.

    Args:
        config: the stack's configuration as the engine hands it over, objects as JSON; a key
            without a namespace belongs to the project.
        secret_keys: the keys of ``config`` whose values are secret.
    """
    monitor = RecordingMonitor(project=project, stack=stack)
    plain_calls.install()
    source_positions.install()
    context = contextvars.copy_context()
    named = {_full(key, project): value for key, value in (config or {}).items()}
    secret = [_full(key, project) for key in secret_keys]
    outputs = context.run(_configure, monitor, named, secret)
    with asyncio.Runner(loop_factory=_Loop) as runner:
        # A registration is a plain call here: threads would cost time, and the fixed order.
        runner.get_loop().set_default_executor(_InPlace())
        # A failure is raised; futures that waited for it would only report it again.
        runner.get_loop().set_exception_handler(_hush)
        runner.run(run_in_stack(lambda: _settled(program, outputs)), context=context)
    return monitor.graph()


def run_program(root: str, files: StackFiles) -> ResourceGraph:
    """Runs ``root``'s ``__main__.py`` as the engine would, in this process.

    Raises ProgramFailed for an error that a user can correct, and others as they are.
    """
    try:
        return record(
            lambda: runpy.run_path(f"{root}/__main__.py", run_name="__main__"),
            project=files.project,
            stack=files.stack,
            config=files.config,
            secret_keys=files.secret_keys,
        )
    except Exception as error:
        if problem := failure(error, files):
            raise ProgramFailed([problem]) from error
        raise


def _hush(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """Reports nothing."""


async def _settled(program: Callable[[], object], outputs: set[asyncio.Task[Any]]) -> None:
    """Runs ``program``, and gives what it registered the time to be resolved.

    The SDK waits for the first output of all that are left, again and again, and looks at each
    of them every time: for a stack of 500 resources a tenth of a preview. Most are resolved
    after a few turns of the loop. What is not, the SDK waits for as ever.
    """
    program()
    for _ in range(_MOST_TURNS):
        await asyncio.sleep(0)
        if all(output.done() for output in outputs):
            return


def _full(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _configure(
    monitor: RecordingMonitor, config: dict[str, str], secret_keys: list[str]
) -> set[asyncio.Task[Any]]:
    """Configures the SDK of this context; returns the set of the outputs that are pending."""
    outputs = set[asyncio.Task[Any]]()
    settings = MockSettings(
        monitor=monitor,
        monitor_features=set[Any](),
        engine=MockEngine(None),
        project=monitor.project,
        stack=monitor.stack,
        organization="organization",
        root_directory=None,
        dry_run=True,
        legacy_apply_enabled=False,
        parallel=None,
        callbacks=monitor.callbacks,
        outputs=outputs,
        lock=threading.Lock(),
        package_refs={},
        base_providers_by_ref={},
    )
    configure(settings)
    set_root_resource(None)  # pyright: ignore[reportArgumentType]  (none yet: the run makes it)
    set_all_config(config, secret_keys)
    return outputs


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose executor is ``_InPlace``: no thread of it must be waited for in another one."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Ends nothing."""


class _InPlace(ThreadPoolExecutor):
    """Runs a call in the thread that submits it; a coroutine that it returns, as a task."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)
        self._tasks = set[asyncio.Task[None]]()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            result = fn(*args, **kwargs)
        except Exception as error:
            done.set_exception(error)
            return done
        if asyncio.iscoroutine(result):
            task = asyncio.get_running_loop().create_task(_settle(done, result))
            self._tasks.add(task)  # the loop keeps weak references only
            task.add_done_callback(self._tasks.discard)
        else:
            done.set_result(result)
        return done


async def _settle(done: Future[Any], work: Coroutine[Any, Any, Any]) -> None:
    try:
        done.set_result(await work)
    except Exception as error:
        done.set_exception(error)
