"""A program with servers and a data tier on Azure, and what `AzureMonitoring` makes for them."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, Final

from components.azure.container import AzureContainerApp
from components.azure.container_args import AzureContainerAppArgs
from components.azure.database import AzurePostgresqlDataTier
from components.azure.database_args import AzurePostgresqlDataTierArgs
from components.azure.function import AzureFunction
from components.azure.function_args import AzureFunctionArgs
from components.azure.monitored import AzureMonitoredDatabase
from components.azure.monitoring import AzureMonitoring
from components.azure.monitoring_args import AzureBudget, AzureMonitoringArgs
from components.azure.tokens import LOG_ALERT, WORKBOOK
from components.mcp.access import Access, NetworkAccess
from components.mcp.user_container import UserContainer

from . import ResourceGraph, record
from .clouds import (
    ARCHIVE,
    AZURE,
    CACHE_DNS_ZONE,
    DNS_ZONE,
    SUBNET,
    cloud_config,
    on_azure,
)

GROUP: Final = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/on-call/providers"
    "/Microsoft.Insights/actionGroups/on-call"
)
APP: Final = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/run/providers"
    "/Microsoft.App/containerApps/run"
)
REPLICA: Final = (
    f"/subscriptions/{AZURE.subscription}/resourceGroups/data/providers"
    "/Microsoft.DBforPostgreSQL/flexibleServers/replica"
)
METRICS: Final[dict[str, dict[str, set[str]]]] = {
    # "Supported metrics for ...", name in the REST API with its aggregations
    "microsoft.app/containerapps": {
        "UsageNanoCores": {"Total", "Average", "Maximum", "Minimum"},
        "WorkingSetBytes": {"Total", "Average", "Maximum", "Minimum"},
        "Replicas": {"Total", "Average", "Maximum", "Minimum"},
        "RestartCount": {"Total", "Average", "Maximum", "Minimum"},
        "Requests": {"Total", "Average", "Maximum", "Minimum"},
    },
    "microsoft.dbforpostgresql/flexibleservers": {
        **{
            f"{of}_percent": {"Average", "Maximum", "Minimum"}
            for of in ("cpu", "memory", "storage")
        },
        "active_connections": {"Average", "Maximum", "Minimum"},
        "is_db_alive": {"Average", "Maximum", "Minimum"},
        "physical_replication_delay_in_seconds": {"Average", "Maximum", "Minimum"},
    },
    "microsoft.cache/redisenterprise": {
        "usedmemorypercentage": {"Maximum"},
        "percentProcessorTime": {"Maximum"},
        "evictedkeys": {"Total"},
    },
}


def program() -> None:
    """A container app, a function and a data tier, with all that monitors them."""
    options = on_azure()
    app = AzureContainerApp(
        "run",
        AzureContainerAppArgs(
            location=AZURE,
            image="example.com/server:1",
            config=cloud_config(era="modern"),
            access=Access(public=True),
            min_instances=2,
            max_instances=10,
            upstream=UserContainer(image="example.com/weather:1", port=8000, cpu=0.5),
            cpu=0.25,
            memory_mb=512,
        ),
        options,
    )
    function = AzureFunction(
        "call",
        AzureFunctionArgs(
            location=AZURE,
            archive=ARCHIVE,
            config=cloud_config(),
            access=NetworkAccess(public=True),
            max_instances=40,
        ),
        options,
    )
    data = AzurePostgresqlDataTier(
        "data",
        AzurePostgresqlDataTierArgs(
            location=AZURE,
            subnet=SUBNET,
            dns_zone=DNS_ZONE,
            cache_subnet=SUBNET,
            cache_dns_zone=CACHE_DNS_ZONE,
        ),
        options,
    )
    replica = AzureMonitoredDatabase(
        name="replica", server=REPLICA, machine="Standard_B1ms", replica=True
    )
    AzureMonitoring(
        "alarms",
        AzureMonitoringArgs(
            location=AZURE,
            emails=["on-call@example.com"],
            action_groups=[GROUP],
            apps=[app.monitored],
            functions=[function.monitored],
            databases=[*data.monitored_databases, replica],
            caches=data.monitored_caches,
            budget=AzureBudget(amount=500, start="2026-12", tags={"stack": "prod"}),
        ),
        options,
    )


@cache
def graph() -> ResourceGraph:
    """What the program registers."""
    return record(program)


def alert(token: str, role: str) -> dict[str, Any]:
    """The inputs of an alert rule."""
    return graph().one(token, name=f"alarms-{role}-alert").inputs


def query(role: str) -> str:
    """That of a log alert."""
    (criterion,) = alert(LOG_ALERT, role)["criteria"]["allOf"]
    return criterion["query"]


def name_of(token: str, logical: str, key: str) -> str:
    """A name in Azure, which is an input of a resource."""
    return graph().one(token, name=logical).inputs[key]


def items() -> list[dict[str, Any]]:
    """Of the workbook."""
    made = graph().one(WORKBOOK, name="alarms-dashboard").inputs
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["resourceName"])
    return json.loads(made["serializedData"])["items"]
