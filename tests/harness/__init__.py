"""What every test of a program starts from: its graph, recorded without an engine."""

from graph.recorder import record
from graph.resource_graph import Resource, ResourceGraph

__all__ = ["Resource", "ResourceGraph", "record"]
