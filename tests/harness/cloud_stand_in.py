"""A Pulumi provider that creates nothing and returns predicted outputs.

It replaces a cloud's plugin, which needs an account, in tests with the real engine. The name of the
installed file selects the package: ``pulumi-resource-aws``.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from graph.predicted_outputs import outputs_unlike_inputs, predicted_outputs, put
from graph.wire import readable


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    """Returns the inputs of resources with ids, ARNs and addresses added."""

    def __init__(self) -> None:
        self.configured: dict[str, Any] = {}

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        self.configured = readable(request.args)[0]
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        same = readable(request.old_inputs) == readable(request.news)
        answers = provider_pb2.DiffResponse
        return answers(changes=answers.DIFF_NONE if same else answers.DIFF_SOME)

    def Create(self, request: Any, context: Any) -> Any:
        identity, state = self._made(request.urn, request.properties)
        return provider_pb2.CreateResponse(id=identity, properties=state)

    def Update(self, request: Any, context: Any) -> Any:
        return provider_pb2.UpdateResponse(properties=self._made(request.urn, request.news)[1])

    def Delete(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def _made(self, urn: str, inputs: Any) -> tuple[str, struct_pb2.Struct]:
        _, _, qualified, name = urn.split("::", 3)
        token = qualified.rpartition("$")[2]
        state = struct_pb2.Struct()
        state.CopyFrom(inputs)
        said = predicted_outputs(token, name, readable(inputs)[0], self.configured)
        identity = said.pop("id", name)
        for path in outputs_unlike_inputs(token):
            state.fields.pop(path, None)
        for path, text in said.items():
            put(state, path, text)
        return identity, state


def install(package: str, version: str, pulumi_home: Path, root: Path) -> None:
    """Install the stand-in as the engine's plugin of ``package``."""
    folder = pulumi_home / "plugins" / f"resource-{package}-v{version}"
    folder.mkdir(parents=True)
    program = folder / f"pulumi-resource-{package}"
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} -m tests.harness.cloud_stand_in\n"
    )
    program.chmod(0o755)


def main() -> None:
    """Serve until the engine stops the plugin."""
    server = grpc.server(ThreadPoolExecutor(8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(StandIn(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
