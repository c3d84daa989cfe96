"""Leaves out the source position of each resource while a program is recorded.

The SDK extracts the whole Python stack at each registration, for messages of the engine. A recorded
program has no engine that shows them, and they cost about a tenth of a preview.
"""

from __future__ import annotations

from typing import Any, cast

from pulumi.runtime import resource
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.settings import get_monitor

_SDK: Any = cast("Any", resource)
_FUNCTION = "_get_stack_trace"


def install() -> None:
    """Replaces the SDK's function once; it still runs where there is an engine.

    An SDK without that function records as well, only slower.
    """
    extract = getattr(_SDK, _FUNCTION, None)
    if extract is None or getattr(extract, "without_engine", False):
        return

    def stack_trace() -> Any:
        if isinstance(get_monitor(), MockMonitor):
            return source_pb2.StackTrace()
        return extract()

    stack_trace.without_engine = True  # pyright: ignore[reportFunctionMemberAccess]
    setattr(_SDK, _FUNCTION, stack_trace)
