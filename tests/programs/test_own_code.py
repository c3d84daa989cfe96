"""The example stacks of examples/functions run a folder of Python code as a function."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest
from rich.console import Console

from archives.ensure import code_archive
from archives.hosts import HOSTS, archive_of
from components.aws.function import AwsLambda
from components.aws.function_args import AwsLambdaArgs
from components.aws.location import AwsLocation
from components.base.problems import Problem, ProblemReport
from components.base.refusal import Refused
from components.mcp.access import Access
from components.mcp.auth import Auth
from components.mcp.server_config import CloudServerConfig
from components.mcp.timeout_budget import TimeoutBudget
from graph.recorder import record
from graph.resource_graph import ResourceGraph
from graph.stack_yaml import read_stack_file
from policies import broken_policies
from review.report import terminal
from tests.harness.containers import ROOT
from tests.harness.prod import merged
from tests.harness.user_servers import recorded

EXAMPLES = ROOT / "examples/functions"
FOLDER = EXAMPLES / "weather"
CLOUDS = {"aws": "aws-lambda", "gcp": "gcp-function", "azure": "azure-function"}
EVERY_CLOUD = pytest.mark.parametrize("cloud", CLOUDS)


def sections(cloud: str) -> dict[str, Any]:
    written = read_stack_file(EXAMPLES / f"Pulumi.weather-{cloud}.yaml")
    return {key.removeprefix("qudag-mcp:"): value for key, value in written.items()}


@cache
def example(cloud: str) -> ResourceGraph:
    return recorded(sections(cloud), stack=f"weather-{cloud}")


def refused(cloud: str, **section: Any) -> list[Problem]:
    """The problems of an example with some keys of its function set otherwise."""
    changed: Mapping[str, Any] = merged(sections(cloud), {"serverless": {cloud: section}})
    with pytest.raises(Refused) as report:
        recorded(changed)
    return list(report.value.problems)


def archive_path(graph: ResourceGraph, cloud: str) -> str:
    inputs = {
        "aws": lambda: graph.one("aws:s3/bucketObjectv2:BucketObjectv2").inputs["source"]["path"],
        "gcp": lambda: graph.one("gcp:storage/bucketObject:BucketObject").inputs["source"]["path"],
        "azure": lambda: graph.one("command:local:Command").inputs["environment"]["ARCHIVE"],
    }
    return inputs[cloud]()


@EVERY_CLOUD
def test_an_example_deploys_the_archive_of_its_folder(cloud: str):
    path = archive_path(example(cloud), cloud)
    assert path.startswith(f"out/archives/{CLOUDS[cloud]}-weather-")
    assert [str(problem) for problem in broken_policies(example(cloud))] == []


@EVERY_CLOUD
def test_the_preview_names_the_folder(cloud: str):
    written = io.StringIO()
    Console(file=written, width=200).print(terminal.inventory(example(cloud)))
    assert "examples/functions/weather" in written.getvalue()
    assert example(cloud).outputs["code"] == {f"{cloud}-function": "examples/functions/weather"}


def test_the_token_rules_of_the_stack_file_hold_for_the_folder():
    config = example("aws").one("aws:lambda/function:Function").inputs["environment"]
    assert 'required_scopes = [\n    "weather.read",\n]' in config["variables"]["QUDAG_MCP_CONFIG"]


def test_without_a_folder_the_function_runs_the_reference_server():
    written = sections("aws")
    written["serverless"]["aws"].pop("code")
    graph = recorded(written)
    assert archive_path(graph, "aws") == archive_of(HOSTS["aws-lambda"]).path
    assert "code" not in graph.outputs


@EVERY_CLOUD
def test_a_folder_that_cannot_be_packaged_is_refused_at_its_path(cloud: str):
    (absent,) = refused(cloud, code="examples/functions/wether")
    assert absent.path.startswith(f"qudag-mcp:serverless.{cloud}.code")
    (entry,) = refused(cloud, entry="server:app")
    assert entry.path.startswith(f"qudag-mcp:serverless.{cloud}.entry")
    assert entry.fix == "write entry: server:mcp"


def test_an_entry_without_a_folder_is_refused():
    (found,) = refused("aws", code=None, entry="server:mcp")
    assert "serverless.aws.code is missing" in found.what


@pytest.mark.parametrize("code", ["/srv/weather", "~/weather", ""])
def test_a_folder_that_other_machines_do_not_have_is_refused(code: str):
    (found,) = refused("aws", code=code)
    assert found.path.startswith("qudag-mcp:serverless.aws.code")


def test_a_function_that_is_switched_off_needs_no_folder():
    changed = merged(sections("aws"), {"serverless": {"aws": {"enabled": False, "code": "gone"}}})
    changed |= {"kubernetes": {"enabled": True}, "network": {"issuer": ["203.0.113.0/24"]}}
    assert recorded(changed).all("aws:lambda/function:Function") == []


def test_a_program_of_ones_own_gives_a_component_the_archive_of_a_folder():
    def program() -> None:
        AwsLambda(
            "forecast",
            AwsLambdaArgs(
                location=AwsLocation(account="123456789012", region="eu-central-1"),
                archive=code_archive("aws-lambda", FOLDER),
                config=CloudServerConfig(
                    role="tools",
                    budget=TimeoutBudget(longest_tool=10),
                    auth=Auth(
                        issuer="https://i.example.com", jwks_url="https://i.example.com/keys"
                    ),
                ),
                access=Access(public=True),
                alarms_without_topic=True,
            ),
            opts=pulumi.ResourceOptions(provider=pulumi.ProviderResource("aws", "aws", {})),
        )

    assert archive_path(record(program), "aws") == archive_path(example("aws"), "aws")


def test_a_program_of_ones_own_is_told_what_cannot_be_packaged(tmp_path: Path):
    with pytest.raises(ProblemReport, match=r"has no server\.py"):
        code_archive("aws-lambda", tmp_path)
