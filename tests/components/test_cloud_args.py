"""One name and one unit for one thing, in the args of every cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import pytest

from components.aws.container_args import EcsFargateArgs
from components.aws.database_args import RdsDataTierArgs
from components.aws.function_args import AwsLambdaArgs
from components.aws.location import AwsLocation
from components.azure.container_args import AzureContainerAppArgs, AzureContainerGroupArgs
from components.azure.database_args import AzurePostgresqlDataTierArgs
from components.azure.function_args import AzureFunctionArgs
from components.azure.location import AzureLocation
from components.base.component import Component
from components.clouds import CLOUDS
from components.gcp.container_args import CloudRunArgs
from components.gcp.database_args import CloudSqlDataTierArgs
from components.gcp.function_args import GcpFunctionArgs
from components.gcp.location import GcpLocation
from components.kubernetes.cloudnative_pg_args import CloudNativePgDataTierArgs
from components.kubernetes.embedded_data import EmbeddedDataTierArgs
from components.mcp.cloud_server import CloudServerArgs
from components.mcp.data_tier import DataTierArgs
from components.mcp.external_data import ExternalDataTierArgs
from stacks.targets import TARGETS
from stacks.targets.target import KINDS
from tests.harness.component_cases import CASES

Exceptions = Mapping[type[Any], str]
"""Classes without a field, each with the reason."""

_LAMBDA_CPU: Final = "Lambda derives the CPU from the memory"
_ONE_CALL: Final = "an instance of Lambda handles one call at a time"
_ONE_GROUP: Final = "a container group is one instance"

SERVERS: Final[Mapping[str, Exceptions]] = {
    "location": {},
    "config": {},
    "protect": {},
    "log_retention_days": {},
    "access": {AzureContainerGroupArgs: "only the network of its subnet can connect"},
    "secrets": {AzureContainerGroupArgs: "its variables hold values, no reference to Key Vault"},
    "memory_mb": {},
    "cpu": {
        AwsLambdaArgs: _LAMBDA_CPU,
        AzureFunctionArgs: "Flex Consumption derives the CPU from the memory",
    },
    "min_instances": {
        AwsLambdaArgs: "no instance runs while nobody calls",
        AzureFunctionArgs: "no instance runs while nobody calls",
        AzureContainerGroupArgs: _ONE_GROUP,
    },
    "max_instances": {
        AwsLambdaArgs: "reserved_concurrency both limits and reserves the calls at once",
        AzureContainerGroupArgs: _ONE_GROUP,
    },
    "concurrency": {
        AwsLambdaArgs: _ONE_CALL,
        EcsFargateArgs: "the load balancer has no limit; cpu_target scales the tasks",
        AzureContainerGroupArgs: _ONE_GROUP,
    },
    **{
        key: {
            each: "only AWS has alarms as part of the component"
            for each in (
                GcpFunctionArgs,
                CloudRunArgs,
                AzureFunctionArgs,
                AzureContainerAppArgs,
                AzureContainerGroupArgs,
            )
        }
        for key in ("alarm_topic", "alarms_without_topic")
    },
    "image": {
        each: "runs an archive" for each in (AwsLambdaArgs, GcpFunctionArgs, AzureFunctionArgs)
    },
    "archive": {
        each: "runs an image"
        for each in (
            EcsFargateArgs,
            CloudRunArgs,
            AzureContainerAppArgs,
            AzureContainerGroupArgs,
        )
    },
}
"""What a server in a cloud is given, by the field's name, and who cannot be given it."""

_POD: Final = "runs in pods of the cluster"
_YOURS: Final = {ExternalDataTierArgs: "creates nothing"}
_PODS: Final = {EmbeddedDataTierArgs: _POD, CloudNativePgDataTierArgs: _POD, **_YOURS}
_NO_CACHE: Final = "has no cache"
DATA_TIERS: Final[Mapping[str, Exceptions]] = {
    "database": {},
    "cache_profile": {},
    "protect": {},
    "location": _PODS,
    "user": {
        # Cloud SQL names it after the account, Azure after the identity: the output says it.
        CloudSqlDataTierArgs: "is the service account",
        AzurePostgresqlDataTierArgs: "is the managed identity",
    },
    "database_machine": _PODS,
    "cache_machine": {
        EmbeddedDataTierArgs: _POD,
        CloudNativePgDataTierArgs: _NO_CACHE,
        **_YOURS,
    },
    "storage_gb": {
        EmbeddedDataTierArgs: "has volumes of the cluster: database_size, cache_size",
        CloudNativePgDataTierArgs: "has volumes of the cluster: size",
        **_YOURS,
    },
    "high_availability": {
        EmbeddedDataTierArgs: "is one pod a store",
        CloudNativePgDataTierArgs: "has instances",
        **_YOURS,
    },
    "backup_days": {
        EmbeddedDataTierArgs: "the cluster's volumes have no backup of their own",
        CloudNativePgDataTierArgs: "has backup.retention",
        **_YOURS,
    },
    "cache_replicas": {
        CloudNativePgDataTierArgs: _NO_CACHE,
        EmbeddedDataTierArgs: "is one pod a store",
        AzurePostgresqlDataTierArgs: "Azure Managed Redis has a replica always",
        **_YOURS,
    },
}
"""What a data tier is given, by the field's name, and who cannot be given it."""

UNITS: Final = {"memory_mb": "int", "log_retention_days": "int", "cpu": "float"}
"""Types of fields whose unit is part of the name or of the cloud: MiB, days, CPUs."""

RETIRED: Final = {
    *("place", "public", "allowed_from", "invokers", "front", "kind"),
    *("memory", "memory_gib", "log_days", "log_retention", "min_tasks", "max_tasks"),
    *("cache_nodes", "cache_node", "multi_az", "instance_class", "sku", "tier", "backups"),
}
"""Names that these things had in one cloud only."""


def args_classes(base: type[Any]) -> set[type[Any]]:
    """The args of every component that has ``base`` among the bases of its args."""
    made: set[type[Component[Any]]] = {component for component, _ in CASES.values()}
    return {each.args_type for each in made if issubclass(each.args_type, base)}


def test_logs_are_kept_for_the_90_days_of_the_source_documents_unless_a_field_is_set():
    kept = {
        cls.__name__: field.default
        for cls in (*args_classes(CloudServerArgs), *args_classes(DataTierArgs))
        for field in fields(cls)
        if field.name == "log_retention_days"
    }
    assert len(kept) == 8
    sections = {
        f"{kind}.{cloud.key}": server.section.model_fields["log_retention_days"].default
        for kind in KINDS
        for cloud in CLOUDS
        if (server := TARGETS[cloud.key].server(kind))
    }
    assert len(sections) == 6
    # S3, "Log Aggregation": 90 days for audit and compliance
    assert {*kept.values(), *sections.values()} == {90}


def names(cls: type[Any]) -> set[str]:
    return {field.name for field in fields(cls)}


@pytest.mark.parametrize(
    ("base", "table"), [(CloudServerArgs, SERVERS), (DataTierArgs, DATA_TIERS)], ids=["s", "d"]
)
def test_each_class_has_the_field_or_is_listed_with_the_reason(
    base: type[Any], table: Mapping[str, Exceptions]
):
    classes = args_classes(base)
    for name, exceptions in table.items():
        assert set(exceptions) <= classes, name
        assert {cls for cls in classes if name not in names(cls)} == set(exceptions), name


def test_every_server_and_data_tier_is_looked_at():
    assert args_classes(CloudServerArgs) == {
        *(AwsLambdaArgs, EcsFargateArgs, GcpFunctionArgs, CloudRunArgs),
        *(AzureFunctionArgs, AzureContainerAppArgs, AzureContainerGroupArgs),
    }
    assert args_classes(DataTierArgs) == {
        *(EmbeddedDataTierArgs, CloudNativePgDataTierArgs, RdsDataTierArgs),
        ExternalDataTierArgs,
        *(CloudSqlDataTierArgs, AzurePostgresqlDataTierArgs),
    }


def test_no_class_has_another_name_for_the_same_thing():
    for cls in args_classes(CloudServerArgs) | args_classes(DataTierArgs):
        assert not names(cls) & RETIRED, cls


@pytest.mark.parametrize(("name", "type_"), UNITS.items())
def test_a_quantity_has_one_unit(name: str, type_: str):
    for cls in args_classes(CloudServerArgs):
        for field in fields(cls):
            if field.name == name and "Literal" not in str(field.type):
                assert field.type == type_, cls


def test_every_location_has_a_region():
    for cls in (AwsLocation, GcpLocation, AzureLocation):
        assert "region" in names(cls)
