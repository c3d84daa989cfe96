"""Serves the engine's gRPC protocol to a program in this process, and records its resources.

The program's SDK, of any version, connects to it as to an engine.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from .recording import ProgramRecording

_FEATURES: Final = {
    "secrets", "resourceReferences", "aliasSpecs", "deletedWith", "replaceWith", "transforms",
    "invokeTransforms", "parameterization", "resourceHooks", "errorHooks",
}  # fmt: skip
"""Without ``outputValues``: a recording has only known, unknown and secret values."""

_OPTIONS: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The resource monitor: records each request, and answers with unknown values."""

    def __init__(self, recording: ProgramRecording) -> None:
        self._recording = recording
        self._lock = threading.Lock()

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._refusing(context):
            answer = self._recording.RegisterResource(request)
        if not asyncio.iscoroutine(answer):
            return answer
        try:  # without the lock: a transform can register other resources
            return asyncio.run(answer)
        except Exception as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answered(self._recording.Invoke, request, context)

    def StreamInvoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._answered(self._recording.Invoke, request, context)
        yield from ()

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answered(self._recording.RegisterResourceOutputs, request, context)

    def RegisterStackTransform(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answered(self._recording.RegisterStackTransform, request, context)

    def RegisterStackInvokeTransform(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answered(self._recording.RegisterStackInvokeTransform, request, context)

    def RegisterResourceHook(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answered(self._recording.RegisterResourceHook, request, context)

    def RegisterErrorHook(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return empty_pb2.Empty()

    def Call(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answered(self._recording.Call, request, context)

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._answered(self._recording.ReadResource, request, context)

    def RegisterPackage(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return resource_pb2.RegisterPackageResponse(ref=request.parameterization.name or "package")

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return empty_pb2.Empty()

    def _answered(self, method: Callable[[Any], Any], request: Any, context: Any) -> Any:
        with self._refusing(context):
            return method(request)

    @contextmanager
    def _refusing(self, context: Any) -> Generator[None]:
        """An error as the engine answers it: the SDK raises it with that text."""
        with self._lock:
            try:
                yield
            except Exception as error:
                self._recording.refused.append(error)
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's log: errors end an engine's preview, so they are kept.

    Attributes:
        errors: messages of severity error.
    """

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._root = ""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        if request.severity == engine_pb2.ERROR:
            self.errors.append(request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return engine_pb2.RequirePulumiVersionResponse()


@contextmanager
def serving(recording: ProgramRecording, engine: Engine) -> Generator[str]:
    """Serves the monitor and the engine on a local address; yields that address."""
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=_OPTIONS)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(recording), server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None)
