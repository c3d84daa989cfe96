"""Graphs of Azure with one mistake each are refused, with its path and what to do."""

from __future__ import annotations

from functools import cache

import pytest

from components.azure.container import AzureContainerApp, AzureContainerGroup
from components.azure.container_args import AzureContainerAppArgs, AzureContainerGroupArgs
from components.azure.database import AzurePostgresqlDataTier
from components.azure.database_args import AzurePostgresqlDataTierArgs
from components.azure.function import AzureFunction
from components.azure.function_args import AzureFunctionArgs
from components.mcp.access import Access, NetworkAccess
from graph.resource_graph import ResourceGraph
from policies import broken_policies
from tests.harness import record
from tests.harness.clouds import (
    ARCHIVE,
    AZURE,
    AZURE_SECRETS,
    CACHE_DNS_ZONE,
    DNS_ZONE,
    SUBNET,
    cloud_config,
    on_azure,
)
from tests.harness.tiers import sampled
from tests.policies.broken import Broken, table


@cache
def sound() -> ResourceGraph:
    def program() -> None:
        here = on_azure()
        image = "acme.azurecr.io/server:1.2.3"
        registry = SUBNET.partition("Microsoft.Network")[0] + "x/registries/acme"
        AzureFunction(
            "fn",
            AzureFunctionArgs(
                location=AZURE,
                archive=ARCHIVE,
                config=cloud_config(),
                access=NetworkAccess(public=True),
                secrets=AZURE_SECRETS,
            ),
            here,
        )
        AzureContainerApp(
            "app",
            AzureContainerAppArgs(
                location=AZURE,
                image=image,
                registry=registry,
                config=cloud_config(),
                access=Access(public=True),
                secrets=AZURE_SECRETS,
            ),
            here,
        )
        AzureContainerGroup(
            "group",
            AzureContainerGroupArgs(
                location=AZURE,
                image=image,
                registry=registry,
                config=cloud_config(domain="mcp.example.com"),
                subnet=SUBNET,
            ),
            here,
        )
        data = AzurePostgresqlDataTierArgs(
            location=AZURE,
            subnet=SUBNET,
            dns_zone=DNS_ZONE,
            cache_subnet=SUBNET,
            cache_dns_zone=CACHE_DNS_ZONE,
        )
        AzurePostgresqlDataTier("data", data, here)

    return record(program)


def test_a_sound_graph_keeps_every_policy():
    assert broken_policies(sound()) == []


@pytest.mark.parametrize("broken", sampled(table("broken_azure.yaml"), 3))
def test_a_mistake_is_refused_with_path_and_fix(broken: Broken):
    problems = broken_policies(broken.of(sound()))
    fixes = [problem.fix for problem in problems if problem.path == broken.at]
    assert any(broken.fix in fix for fix in fixes), problems
