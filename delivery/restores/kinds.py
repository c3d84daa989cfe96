"""How each kind of PostgreSQL is restored: by a job of the platform, or by a plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from components.base.problems import Problem, ProblemReport
from graph.programs import record_stack
from graph.resource_graph import ResourceGraph
from graph.stack_files import OURS, read_stack_files

from ..database_restore import Wanted
from ..stack_identity import StackIdentity
from .aws import rds_plan
from .azure import azure_postgresql_plan
from .cloudnative_pg import cloudnative_pg_plan
from .gcp import cloud_sql_plan
from .plan import Plan

Planned = Callable[[ResourceGraph, Mapping[str, Any], str, Wanted, datetime], Plan]
PLANS: Final[dict[str, Planned]] = {
    "cloudnative-pg": cloudnative_pg_plan,
    "rds": rds_plan,
    "cloud-sql": cloud_sql_plan,
    "azure-postgresql": azure_postgresql_plan,
}
"""By the value of ``data.kind``."""
EXTERNAL: Final = "external"
EMBEDDED: Final = "embedded"


def data_section(stack: StackIdentity) -> Mapping[str, Any]:
    """The section ``data`` of the stack file; empty in programs that are not this project's."""
    if stack.project != OURS:
        return {}
    written = read_stack_files(stack.root, stack.name).config.get(f"{OURS}:data", "{}")
    return json.loads(written)


def is_restored_by_a_job(data: Mapping[str, Any]) -> bool:
    """Whether the platform backs this database up itself."""
    return data.get("kind", EMBEDDED) not in (*PLANS, EXTERNAL)


def plan_of(stack: StackIdentity, data: Mapping[str, Any], wanted: Wanted) -> Plan:
    """How to restore the database of a stack; runs its program, and nothing else.

    Raises:
        ProblemReport: it cannot be restored as wanted, or by nobody here.
    """
    if data["kind"] == EXTERNAL:
        raise ProblemReport([_somebody_elses(data)])
    graph = record_stack(stack.root, stack.name)
    return PLANS[data["kind"]](graph, data, stack.name, wanted, datetime.now(UTC))


def _somebody_elses(data: Mapping[str, Any]) -> Problem:
    host = data.get("external", {}).get("host", "its host")
    return Problem(
        "data.kind",
        f"is external: whoever runs {host} has its backups",
        "this command can restore nothing there",
        f"ask them to restore {host} to a new server, and to the time that you need; then copy "
        "what is missing back, or write the new name in data.external.host and deploy",
    )


def written_to(file: Path, text: str) -> None:
    """Write a plan to a new file; raises a ``ProblemReport`` where one is already."""
    try:
        with file.open("x") as opened:
            opened.write(text)
    except FileExistsError as there:
        raise ProblemReport(
            [
                Problem(
                    f"--out {file}",
                    "exists",
                    "what is in it would be lost",
                    "name another file, or delete it",
                )
            ]
        ) from there


def refuse_out() -> NoReturn:
    """Refuse a file for the output of a restore that a job does."""
    raise ProblemReport(
        [
            Problem(
                "--out",
                "is given, and a job in the cluster does this restore",
                "there is nothing to write to a file",
                "leave it out",
            )
        ]
    )
