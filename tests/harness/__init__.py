"""What every test of a program starts from: its graph, recorded without an engine."""

from delivery.graph import Resource, ResourceGraph
from delivery.record import record

__all__ = ["Resource", "ResourceGraph", "record"]
