"""Commands of the Azure CLI that restore a PostgreSQL of Azure to a new server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from graph.resource_graph import Resource, ResourceGraph

from ..database_restore import Wanted
from .live import LONGEST_OF_A_CLOUD, component_of, external_section, live_one, provider_of
from .plan import Command, Plan
from .target import target

_POSTGRES: Final = "azure-native:dbforpostgresql"
SERVER: Final = f"{_POSTGRES}:Server"
_LOCK: Final = "azure-native:authorization:ManagementLockByScope"
_AZ: Final = ("az", "postgres", "flexible-server")


def azure_postgresql_plan(
    graph: ResourceGraph, data: Mapping[str, Any], stack: str, wanted: Wanted, now: datetime
) -> Plan:
    """How to restore the stack's database.

    Args:
        data: the section ``data`` of the stack file.

    Raises:
        ProblemReport: it cannot be restored as wanted.
    """
    live = live_one(graph, SERVER)
    source = str(live.inputs["serverName"])
    backup = live.inputs["backup"]
    new = target(
        wanted,
        source,
        now=now,
        longest=LONGEST_OF_A_CLOUD,
        days=int(backup["backupRetentionDays"]),
    )
    group = str(live.inputs["resourceGroupName"])
    subscription = str(provider_of(graph, live)["subscriptionId"])
    where = ["--subscription", subscription, "--resource-group", group]
    component = component_of(graph, live)
    resilient = live.inputs["highAvailability"]["mode"] != "Disabled"
    return Plan(
        title=new.title(f"the server {source}"),
        commands=[
            Command(
                purpose="The earliest time to which it can be restored.",
                words=[
                    *(*_AZ, "show", *where, "--name", source),
                    *("--query", "backup.earliestRestoreDate", "--output", "tsv"),
                ],
            ),
            Command(
                purpose="Restore, to the subnet and the private DNS zone of the live one.",
                words=[
                    *(*_AZ, "restore", *where, "--name", new.name, "--source-server", source),
                    *(["--restore-time", new.time] if new.time else []),
                    *("--geo-redundant-backup", str(backup["geoRedundantBackup"]), "--yes"),
                ],
            ),
            Command(
                purpose="The standby in another zone and the days of backups.",
                words=[
                    *(*_AZ, "update", *where, "--name", new.name),
                    *("--backup-retention", str(backup["backupRetentionDays"])),
                    *(["--zonal-resiliency", "Enabled"] if resilient else []),
                ],
            ),
            *_inside(graph, component, where, new.name),
            Command(
                purpose="Its host.",
                words=[
                    *(*_AZ, "show", *where, "--name", new.name),
                    *("--query", "fullyQualifiedDomainName", "--output", "tsv"),
                ],
            ),
        ],
        differs=[
            "its host: the live one keeps its own;",
            "alerts and diagnostic settings on its name;",
            f"if {source} is deleted: az postgres flexible-server revive-dropped, within 5 days.",
        ],
        external=external_section(
            data["azurePostgresql"],
            host="the host that the last command prints",
            name=str(component.outputs["database_name"]),
            user=str(component.outputs["database_user"]),
            token="azure",  # noqa: S106  (a service)
        ),
        component=component,
        stack=stack,
    )


def _inside(
    graph: ResourceGraph, component: Resource, where: list[str], server: str
) -> Iterator[Command]:
    """The administrator, the parameters and the lock of the live one."""
    for each in graph.children(component.urn):
        given = each.inputs
        if each.type == f"{_POSTGRES}:AdministratorsMicrosoftEntra":
            yield Command(
                purpose="The identity that logs in; it may be there already.",
                words=[
                    *(*_AZ, "microsoft-entra-admin", "create", *where, "--server-name", server),
                    *("--display-name", str(given["principalName"])),
                    *("--object-id", str(given["objectId"]), "--type", "ServicePrincipal"),
                ],
            )
        if each.type == f"{_POSTGRES}:Configuration":
            yield Command(
                purpose="A parameter of the live one.",
                words=[
                    *(*_AZ, "parameter", "set", *where, "--server-name", server),
                    *("--name", str(given["configurationName"]), "--value", str(given["value"])),
                ],
            )
    for each in graph.children(component.urn):
        given = each.inputs
        if each.type == _LOCK and each.name.endswith("-database-lock"):
            yield Command(
                purpose="The lock of the live one, which lets nobody delete it; last.",
                words=[
                    *("az", "lock", "create", *where, "--name", str(given["lockName"])),
                    *("--lock-type", str(given["level"]), "--resource", server),
                    *("--resource-type", "Microsoft.DBforPostgreSQL/flexibleServers"),
                ],
            )
