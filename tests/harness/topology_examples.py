"""The graphs of the stacks in examples/topologies."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from graph.resource_graph import ResourceGraph
from graph.stack_yaml import read_stack_file
from stacks.topologies import TOPOLOGIES

from .containers import ROOT
from .topologies import recorded

FILES: Final = sorted((ROOT / "examples/topologies").glob("*/Pulumi.*.yaml"))
EXAMPLES: Final = {
    file.parent.name: file for file in FILES if file.name == f"Pulumi.{file.parent.name}.yaml"
}
SMALL: Final = {
    name: ROOT / f"examples/topologies/{name}/Pulumi.{name}-small.yaml"
    for name in ("three-services", "orchestration")
}
NFS: Final = ROOT / "examples/topologies/three-services/Pulumi.three-services-nfs.yaml"


def sections(file: Path) -> dict[str, Any]:
    """The sections of a stack file, without their prefix."""
    stated = read_stack_file(file)
    return {key.removeprefix("qudag-mcp:"): value for key, value in stated.items()}


@cache
def graph(name: str, file: Path | None = None) -> ResourceGraph:
    """The stack of an example, or of another file of its topology."""
    stated = sections(file or EXAMPLES[name])
    return recorded(TOPOLOGIES[stated.pop("topology")], stated)


def deployment(made: ResourceGraph, name: str) -> dict[str, Any]:
    """The spec of a Deployment."""
    (found,) = (
        resource.inputs["spec"]
        for resource in made.resources
        if resource.type == "kubernetes:apps/v1:Deployment"
        and resource.inputs["metadata"]["name"] == name
    )
    return found


def objects_named(made: ResourceGraph, name: str) -> dict[str, Any]:
    """The object with a name, which no other one has."""
    (found,) = (
        resource.inputs
        for resource in made.resources
        if resource.inputs.get("metadata", {}).get("name") == name
        and resource.inputs["kind"] not in ("Deployment", "ServiceAccount")
    )
    return found
