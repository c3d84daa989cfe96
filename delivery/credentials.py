"""Checks that this machine has credentials for the clouds that a stack uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from components.base.problems import Problem, ProblemReport
from components.clouds import CLOUDS
from graph.project import KEY_PREFIX
from graph.resource_graph import ResourceGraph

_VENDOR: Final = Path("/sys/class/dmi/id/sys_vendor")


def refuse_without_credentials(
    graph: ResourceGraph,
    *,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
    vendor: Path = _VENDOR,
) -> None:
    """Refuse a deployment if this machine has no credentials for a cloud of the stack.

    Raises:
        ProblemReport: one problem for each such cloud.
    """
    made_by = vendor.read_text() if vendor.is_file() else ""
    problems = [
        Problem(
            f"{KEY_PREFIX}clouds.{cloud.key}",
            f"is set, and this machine has no credentials for {cloud.title}",
            "the deployment would fail after its other resources were created",
            f"{credentials.fix}; or switch it off: remove {KEY_PREFIX}clouds.{cloud.key} from the "
            "stack's file",
        )
        for cloud in CLOUDS
        if graph.all(f"pulumi:providers:{cloud.package}")
        and not (credentials := cloud.facts.CREDENTIALS).found(
            environment, home or Path.home(), made_by
        )
    ]
    if problems:
        raise ProblemReport(problems)
