"""A workload with the fields of a test, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.container import Container
from components.kubernetes.workload import Workload

from . import ResourceGraph, record
from .graph_queries import Pods, pods
from .minimal_args import workload


def graph(*containers: Container, **args: Any) -> ResourceGraph:
    """What a workload registers."""
    return record(lambda: Workload("mcp-core", workload(*containers, **args)))


def only(graph: ResourceGraph) -> Pods:
    """The pods of the one workload."""
    (found,) = pods(graph)
    return found


def refusal(*containers: Container, **args: Any) -> list[str]:
    """Path and what of each problem."""
    with pytest.raises(ProblemReport) as report:
        graph(*containers, **args)
    return [f"{problem.path}: {problem.what}" for problem in report.value.problems]
