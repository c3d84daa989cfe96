"""Missing credentials of a cloud are refused only for stacks with resources in that cloud."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest

from components.base.problems import ProblemReport
from components.clouds import CLOUDS, Cloud
from delivery.credentials import refuse_without_credentials
from graph.resource_graph import ResourceGraph
from tests.harness import record

NOWHERE = Path("/nonexistent")
PACKAGES = [cloud.package for cloud in CLOUDS]


def going_to(*packages: str) -> ResourceGraph:
    def program() -> None:
        for package in packages:
            pulumi.ProviderResource(package, package, {})

    return record(program)


def refused(graph: ResourceGraph, home: Path, **variables: str) -> list[str]:
    try:
        refuse_without_credentials(graph, environment=variables, home=home, vendor=NOWHERE)
    except ProblemReport as report:
        return [problem.path for problem in report.problems if "switch it off" in problem.fix]
    return []


def test_a_stack_that_goes_to_no_cloud_needs_none(tmp_path: Path):
    assert refused(going_to("kubernetes"), tmp_path) == []


def test_every_cloud_without_credentials_is_named_at_once(tmp_path: Path):
    assert refused(going_to(*PACKAGES), tmp_path) == [
        "qudag-mcp:clouds.aws",
        "qudag-mcp:clouds.gcp",
        "qudag-mcp:clouds.azure",
    ]


def test_a_cloud_that_is_not_switched_on_is_not_asked_about(tmp_path: Path):
    assert refused(going_to("gcp"), tmp_path) == ["qudag-mcp:clouds.gcp"]


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.key)
def test_a_variable_a_file_or_the_machines_own_identity_is_enough(cloud: Cloud, tmp_path: Path):
    source = cloud.facts.CREDENTIALS
    graph = going_to(cloud.package)
    for variable in source.variables:
        assert refused(graph, tmp_path, **{variable: "x"}) == []
    for name in source.files:
        home = tmp_path / name.replace("/", "-")
        (home / name).parent.mkdir(parents=True)
        (home / name).touch()
        assert refused(graph, home) == []
    vendor = tmp_path / "sys_vendor"
    vendor.write_text(f"{source.vendor} Something\n")
    refuse_without_credentials(graph, environment={}, home=tmp_path, vendor=vendor)
