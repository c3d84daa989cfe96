"""Starts a container of a recorded pod the way this machine allows: isolated, or rewritten."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence

import pytest

from .containers import RunningContainer
from .network import can_isolate
from .pods import Pod
from .rewritten import Rewritten


@contextlib.contextmanager
def run_container(
    pod: Pod, container: str, command: Sequence[str] | None = None
) -> Generator[RunningContainer]:
    """The container of the pod, started; with another command than its own if one is given."""
    if os.geteuid() == 0 and not can_isolate():
        pytest.skip("root needs namespaces here; run as another user, or allow them (unshare)")
    started = RunningContainer(pod, container) if can_isolate() else Rewritten(pod, container)
    started.start(command or pod.container(container)["command"])
    try:
        yield started
    finally:
        started.kill()
