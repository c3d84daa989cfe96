"""The recording as the SDK calls it in this process, in the place of a connection to an engine."""

from __future__ import annotations

from typing import Any

from pulumi.runtime._callbacks import (
    _CallbackServicer,  # pyright: ignore[reportPrivateUsage]  (it holds the program's transforms)
)
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

from .recording import Recording


class _NoMocks(Mocks):
    """The monitor's base class asks for one; every request is answered before it would be used."""

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], None]:
        raise NotImplementedError(args.token)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        raise NotImplementedError(args.typ)


class RecordingMonitor(Recording, MockMonitor):
    """A recording that the SDK takes for its monitor."""

    answers_nothing = True
    """Provider functions and reads give unknown values."""

    def __init__(self, *, project: str, stack: str) -> None:
        MockMonitor.__init__(self, _NoMocks())
        Recording.__init__(self, project=project, stack=stack)
        self.callbacks = LocalCallbacks(self)


class LocalCallbacks(_CallbackServicer):
    """The SDK's registry of a program's functions, called directly instead of through gRPC."""

    def __init__(self, monitor: Any) -> None:  # pyright: ignore[reportMissingSuperCall]  (no server)
        self._callbacks = {}
        self._transforms = {}
        self._state_migrations = {}
        self._monitor = monitor
        self._target = ""

    async def call(self, callback: Any, request: Any) -> bytes:
        """What the function registered as ``callback`` answers, as it would be sent."""
        answer = await self._callbacks[callback.token](request.SerializeToString())
        return answer.SerializeToString()

    def name(self, callback: Any) -> str:
        """The name of the function in the program."""
        functions: dict[str, Any] = {known: fn for fn, known in self._transforms.items()}
        return getattr(functions.get(callback.token), "__qualname__", "unnamed")
