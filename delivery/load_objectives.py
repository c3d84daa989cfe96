"""The objectives that a load is judged against: those of the stack file, or of options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.mcp.objectives import Objectives as Defaults
from graph.stack_files import OURS
from graph.tree import branch
from stacks.config.error_messages import KEY_PREFIX

from .added_server.stack_file import StackFile
from .load_report import Objectives
from .optimisation.run import configuration
from .stack_identity import StackIdentity

SECTION: Final = "observability.alerts.objectives"


def objectives_of(
    stack: StackIdentity, availability: float | None, latency: float | None
) -> Objectives:
    """The objectives of a stack, with the place that each is from.

    Args:
        stack: of any program; those of other projects have no section for objectives.
        availability: value of ``--availability``; None: that of the stack.
        latency: value of ``--latency`` in seconds; None: that of the stack.

    Raises:
        ProblemReport: the stack file is refused.
    """
    stated: Mapping[str, Any] = {}
    if stack.project == OURS:
        file = StackFile.read(stack.root, stack.name)
        section = configuration(file).observability.alerts.objectives
        wanted = Defaults(**section.model_dump())
        stated = branch(file.config, f"{KEY_PREFIX}observability", "alerts", "objectives")
    else:
        wanted = Defaults()

    def source(key: str, option: str, given: float | None) -> str:
        if given is not None:
            return option
        if key in stated:
            return f"{SECTION}.{key} of Pulumi.{stack.name}.yaml"
        return f"default of {SECTION}.{key}"

    return Objectives(
        availability_percent=wanted.availability_percent if availability is None else availability,
        latency_seconds=wanted.latency_seconds if latency is None else latency,
        latency_percent=wanted.latency_percent,
        sources={
            "availability_percent": source("availabilityPercent", "--availability", availability),
            "latency_seconds": source("latencySeconds", "--latency", latency),
            "latency_percent": source("latencyPercent", "", None),
        },
    )
