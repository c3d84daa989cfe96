"""The component package as the engine runs it: a process of its own, spoken to over gRPC."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import (
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    resource_pb2_grpc,
)

from graph.monitor import RecordingMonitor
from graph.resource_graph import ResourceGraph

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = ROOT / "component_package"


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Records what the process registers, over gRPC."""

    def __init__(self) -> None:
        # Any: what it inherits of the SDK has no annotations.
        self.recording: Any = RecordingMonitor(project="other-language", stack="dev")

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:
        return self.recording.GetDeploymentInfo(request)

    def SupportsFeature(self, request: Any, context: Any) -> Any:
        return self.recording.SupportsFeature(request)

    def RegisterResource(self, request: Any, context: Any) -> Any:
        return self.recording.RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:
        return self.recording.RegisterResourceOutputs(request)


class Engine(engine_pb2_grpc.EngineServicer):
    """Takes log messages and drops them."""

    def Log(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


@dataclass(frozen=True)
class ComponentProcess:
    """A running component package.

    Attributes:
        provider: its gRPC interface.
        monitor: where its resources are registered.
        address: of the monitor.
    """

    provider: Any
    monitor: Monitor
    address: str

    def construct(self, token: str, name: str, inputs: Mapping[str, Any]) -> Any:
        """Ask for one component, as the engine does in a preview."""
        struct = struct_pb2.Struct()
        struct.update(dict(inputs))
        request = provider_pb2.ConstructRequest(
            project="other-language",
            stack="dev",
            dryRun=True,
            monitorEndpoint=self.address,
            type=token,
            name=name,
            inputs=struct,
        )
        return self.provider.Construct(request, timeout=60)

    def graph(self) -> ResourceGraph:
        """What has been registered so far."""
        return self.monitor.recording.graph()


@contextlib.contextmanager
def component_process(folder: Path) -> Generator[ComponentProcess]:
    """Run `component_package/` with the components under the name that the wheel gives them.

    Args:
        folder: empty; it becomes part of ``PYTHONPATH``.
    """
    (folder / "pulumi_qudag_mcp").symlink_to(ROOT / "components")
    monitor = Monitor()
    server = grpc.server(ThreadPoolExecutor(8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
    engine_pb2_grpc.add_EngineServicer_to_server(Engine(), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    environment = os.environ | {"PYTHONPATH": str(folder)}
    argv = [sys.executable, str(PACKAGE), address]
    with subprocess.Popen(argv, env=environment, cwd=folder, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                yield ComponentProcess(stub, monitor, address)
        finally:
            process.terminate()
            server.stop(None)
