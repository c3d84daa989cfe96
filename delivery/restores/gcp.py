"""Commands of gcloud that restore a database of Cloud SQL to a new instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from graph.resource_graph import Resource, ResourceGraph

from ..database_restore import Wanted
from .live import LONGEST_OF_A_CLOUD, component_of, external_section, live_one
from .plan import Command, Plan
from .target import Target, target

INSTANCE: Final = "gcp:sql/databaseInstance:DatabaseInstance"
_RIGHT: Final = "gcp:projects/iAMMember:IAMMember"


def cloud_sql_plan(
    graph: ResourceGraph, data: Mapping[str, Any], stack: str, wanted: Wanted, now: datetime
) -> Plan:
    """How to restore the stack's database.

    Args:
        data: the section ``data`` of the stack file.

    Raises:
        ProblemReport: it cannot be restored as wanted.
    """
    live = live_one(graph, INSTANCE)
    source, project = str(live.inputs["name"]), str(live.inputs["project"])
    settings = live.inputs["settings"]
    days = int(settings["backupConfiguration"]["transactionLogRetentionDays"])
    new = target(wanted, source, now=now, longest=LONGEST_OF_A_CLOUD, days=days)
    where = ["--project", project]
    component = component_of(graph, live)
    moment = ["--point-in-time", new.time] if new.time else []
    return Plan(
        title=new.title(f"the Cloud SQL instance {source}"),
        commands=[
            Command(
                purpose="The newest second to which it can be restored.",
                words=["gcloud", "sql", "instances", "get-latest-recovery-time", source, *where],
            ),
            Command(
                purpose="Restore: a clone has the data, users and settings of the live one.",
                words=["gcloud", "sql", "instances", "clone", source, new.name, *where, *moment],
            ),
            *_protection(live, new, where),
            *_rights(graph, component, source, new, where),
            Command(
                purpose="Its address.",
                words=[
                    *("gcloud", "sql", "instances", "describe", new.name, *where),
                    *("--format", "value(ipAddresses[0].ipAddress)"),
                ],
            ),
            Command(
                purpose="The CA of its certificate.",
                words=[
                    *("gcloud", "sql", "instances", "describe", new.name, *where),
                    *("--format", "value(serverCaCert.cert)"),
                ],
            ),
        ],
        differs=[
            "its address and the CA of its certificate. Write the CA to the Secret "
            "below: the live one's does not sign it;",
            "a read replica;",
            "labels and alerting policies on its name;",
            f"if {source} is deleted: add --source-instance-deletion-time to the first two "
            "commands.",
        ],
        external=external_section(
            data["cloudSql"],
            host="the address that the commands print",
            name=str(component.outputs["database_name"]),
            user=str(component.outputs["database_user"]),
            token="cloud-sql",  # noqa: S106  (a service)
        ),
        component=component,
        stack=stack,
    )


def _protection(live: Resource, new: Target, where: list[str]) -> Iterator[Command]:
    if live.inputs.get("deletionProtection"):
        yield Command(
            purpose="Protect it as the live one is.",
            words=[
                *("gcloud", "sql", "instances", "patch", new.name, *where),
                *("--deletion-protection", "--retain-backups-on-delete", "--quiet"),
            ],
        )


def _rights(
    graph: ResourceGraph, component: Resource, source: str, new: Target, where: list[str]
) -> Iterator[Command]:
    """The rights of the service account, whose conditions name the live instance alone."""
    for right in graph.children(component.urn):
        if right.type != _RIGHT or f'instances/{source}"' not in _expression(right):
            continue
        expression = _expression(right).replace(f'/{source}"', f'/{new.name}"')
        yield Command(
            purpose="The right of the service account on the live one does not cover it.",
            words=[
                *("gcloud", "projects", "add-iam-policy-binding", where[1]),
                *("--member", str(right.inputs["member"])),
                *("--role", str(right.inputs["role"])),
                *("--condition", f"expression={expression},title=only {new.name}"),
            ],
        )


def _expression(right: Resource) -> str:
    return str(right.inputs.get("condition", {}).get("expression", ""))
