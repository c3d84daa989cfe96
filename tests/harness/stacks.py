"""The graphs of this repository's stacks."""

from functools import cache

from graph.programs import record_stack
from graph.resource_graph import ResourceGraph

from .containers import ROOT


@cache
def stack(name: str) -> ResourceGraph:
    """The graph of a stack, recorded once."""
    return record_stack(ROOT, name)
