"""Graphs of Google Cloud with one mistake each are refused, with its path and what to do."""

from __future__ import annotations

from functools import cache

import pytest

from components.gcp.container import CloudRun
from components.gcp.container_args import CloudRunArgs
from components.gcp.database import CloudSqlDataTier
from components.gcp.database_args import CloudSqlDataTierArgs
from components.gcp.function import GcpFunction
from components.gcp.function_args import GcpFunctionArgs
from graph.resource_graph import ResourceGraph
from policies import broken_policies
from tests.harness import record
from tests.harness.clouds import ARCHIVE, GCP_PRIVATE, GCP_SECRETS, NAMED, cloud_config
from tests.policies.broken import Broken, table


@cache
def sound() -> ResourceGraph:
    def program() -> None:
        GcpFunction(
            "fn",
            GcpFunctionArgs(
                location=GCP_PRIVATE,
                archive=ARCHIVE,
                config=cloud_config(),
                access=NAMED,
                secrets=GCP_SECRETS,
            ),
        )
        CloudRun(
            "run",
            CloudRunArgs(
                location=GCP_PRIVATE,
                image="europe-docker.pkg.dev/acme/mcp/server:1.2.3",
                config=cloud_config(),
                access=NAMED,
                secrets=GCP_SECRETS,
            ),
        )
        account = "core@acme-prod.iam.gserviceaccount.com"
        CloudSqlDataTier("data", CloudSqlDataTierArgs(location=GCP_PRIVATE, account=account))

    return record(program)


def test_the_graph_without_a_mistake_is_sound():
    assert broken_policies(sound()) == []


@pytest.mark.parametrize("broken", list(table("broken_gcp.yaml")))
def test_a_mistake_is_refused_with_its_path_and_fix(broken: Broken):
    problems = broken_policies(broken.of(sound()))
    fixes = [problem.fix for problem in problems if problem.path == broken.at]
    assert any(broken.fix in fix for fix in fixes), problems
