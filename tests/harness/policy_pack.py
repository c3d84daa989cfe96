"""Messages of the engine to a policy pack about a graph's resources, and the pack's process."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from graph.resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph

ROOT: Final = Path(__file__).resolve().parents[2]
PACK: Final = ROOT / "policies" / "pack"
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass(frozen=True)
class Secret:
    """A value that the program marks as secret."""

    value: Any


Depending = Mapping[str, Mapping[str, list[str]]]
"""By name of the resource and property, URNs that the property's value comes from."""


def told_inputs(resource: Resource) -> analyzer_pb2.AnalyzeRequest:
    """What the engine tells of one resource before it is created."""
    return analyzer_pb2.AnalyzeRequest(
        type=resource.type,
        urn=resource.urn,
        name=resource.name,
        properties=_struct(resource.inputs),
    )


def told_stack(
    graph: ResourceGraph, depending: Depending | None = None
) -> analyzer_pb2.AnalyzeStackRequest:
    """What the engine tells of all resources at the end; never their ids."""
    told: list[analyzer_pb2.AnalyzerResource] = []
    for each in graph.resources:
        outputs = {key: value for key, value in each.outputs.items() if key != "id"}
        one = analyzer_pb2.AnalyzerResource(
            type=each.type,
            urn=each.urn,
            name=each.name,
            properties=_struct(outputs),
            parent=each.parent or "",
            dependencies=each.dependencies,
        )
        if each.custom:
            one.provider.urn = each.provider or "urn:pulumi:dev::p::pulumi:providers:any::default"
        for key, urns in (depending or {}).get(each.name, {}).items():
            one.propertyDependencies[key].urns.extend(urns)
        told.append(one)
    return analyzer_pb2.AnalyzeStackRequest(resources=told)


def _struct(tree: Mapping[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(_told(dict(tree)))
    return made


def _told(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _told(each) for key, each in cast("dict[str, Any]", tree).items()}
    if isinstance(tree, list | tuple):
        return [_told(each) for each in cast("list[Any]", tree)]
    if tree == SECRET:
        tree = Secret("what is secret")
    if isinstance(tree, Secret):
        return {_SIGNATURE: _SECRET, "value": _told(tree.value)}
    return _UNKNOWN if tree == UNKNOWN else tree


@contextlib.contextmanager
def pack_process(project: str, folder: Path) -> Generator[Any]:
    """The pack as the engine starts it for a program in ``folder``."""
    environment = os.environ | {
        "PULUMI_PROJECT": project,
        "PULUMI_STACK": "dev",
        "PULUMI_DRY_RUN": "true",
        "PWD": str(folder),
    }
    environment.pop("PYTHONPATH", None)
    argv = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", "."]
    with subprocess.Popen(argv, cwd=PACK, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.terminate()
