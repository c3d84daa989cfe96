"""Starts a container of a recorded pod, isolated if this machine allows it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Sequence

import pytest

from .containers import RunningContainer
from .network import can_isolate
from .pods import Pod
from .unisolated_container import UnisolatedContainer


@contextlib.contextmanager
def run_container(
    pod: Pod, container: str, command: Sequence[str] | None = None
) -> Generator[RunningContainer]:
    """Run the pod's container, with another command if one is given."""
    if os.geteuid() == 0 and not can_isolate():
        pytest.skip("root needs namespaces here; run as another user, or allow them (unshare)")
    started = (
        RunningContainer(pod, container) if can_isolate() else UnisolatedContainer(pod, container)
    )
    started.start(command or pod.container(container)["command"])
    try:
        yield started
    finally:
        started.kill()
