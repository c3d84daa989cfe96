"""Runs a Pulumi program against a monitor in this process, and returns what it registered."""

from __future__ import annotations

import asyncio
import contextvars
import runpy
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockEngine, MockSettings
from pulumi.runtime.settings import configure, set_root_resource
from pulumi.runtime.stack import run_in_stack

from .monitor import RecordingMonitor
from .resource_graph import ResourceGraph
from .stack_files import StackFiles


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
    functions applied to it do not run. Its errors are raised as they are. Every call stands on
    its own; calls in one process do not see each other.

    Args:
        config: the stack's configuration as the engine hands it over, objects as JSON; a key
            without a namespace belongs to the project.
        secret_keys: the keys of ``config`` whose values are secret.
    """
    monitor = RecordingMonitor(project=project, stack=stack)
    context = contextvars.copy_context()
    named = {_full(key, project): value for key, value in (config or {}).items()}
    secret = [_full(key, project) for key in secret_keys]
    context.run(_configure, monitor, named, secret)
    with asyncio.Runner() as runner:
        # A registration is a plain call here: threads would only cost time and order.
        runner.get_loop().set_default_executor(_InPlace())
        # A failure is raised; its echoes in the futures that waited for it say nothing new.
        runner.get_loop().set_exception_handler(_hush)
        runner.run(run_in_stack(lambda: _discard(program())), context=context)
    return monitor.graph()


def run_program(root: str, files: StackFiles) -> ResourceGraph:
    """Runs ``root``'s ``__main__.py`` as the engine would, in this process."""
    return record(
        lambda: runpy.run_path(f"{root}/__main__.py", run_name="__main__"),
        project=files.project,
        stack=files.stack,
        config=files.config,
        secret_keys=files.secret_keys,
    )


def _hush(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """Says nothing."""


def _discard(_: object) -> None:
    """A program's return value means nothing to the stack."""


def _full(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _configure(monitor: RecordingMonitor, config: dict[str, str], secret_keys: list[str]) -> None:
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
        callbacks=None,
        outputs=set[Any](),
        lock=threading.Lock(),
        package_refs={},
        base_providers_by_ref={},
    )
    configure(settings)
    set_root_resource(None)  # pyright: ignore[reportArgumentType]  (none yet: the run makes it)
    set_all_config(config, secret_keys)


class _InPlace(ThreadPoolExecutor):
    """Runs a call where it is submitted."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done
