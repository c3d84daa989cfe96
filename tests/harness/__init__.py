"""Records the graph of a Pulumi program without an engine, for tests."""

from graph.recorder import record
from graph.resource_graph import Resource, ResourceGraph

__all__ = ["Resource", "ResourceGraph", "record"]
