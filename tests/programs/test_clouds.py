"""Prod over a cluster and three clouds: one contract, each place on its own, tags on all of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graph.programs import record_stack
from graph.sdk_types import shapes_of
from policies import broken_policies
from review.diff import Action, diff
from stacks.environment import CONTRACT
from tests.harness.containers import ROOT
from tests.harness.prod import (
    PLACES,
    WITHOUT_A_CLUSTER,
    below,
    cloud_components,
    clouds_alone,
    prod,
)
from tests.harness.stacks import stack
from tests.harness.tiers import sampled

CLOUDS = {"aws": "aws", "gcp": "gcp", "azure": "azure-native"}
SECONDS, MEBIBYTES = 5, 400


def test_every_place_that_serves_returns_the_same_outputs():
    graph = stack("prod")
    targets = graph.outputs["targets"]
    assert set(targets) == set(PLACES)
    for outputs in (*targets.values(), graph.outputs):
        assert set(CONTRACT) <= set(outputs)
        assert outputs["mcp_url"].startswith("https://")
        base = outputs["mcp_url"].removesuffix("/mcp")
        assert outputs["prm_url"] == f"{base}/.well-known/oauth-protected-resource/mcp"
        assert outputs["issuer"] == graph.outputs["issuer"]
        assert outputs["era"] == "modern"
    assert len({outputs["mcp_url"] for outputs in targets.values()}) == len(PLACES)


def test_every_component_that_serves_registers_the_same_outputs():
    stack("prod")
    assert {cls.__name__ for cls in cloud_components()} >= {"Gateway", "Monolith", "AwsLambda"}
    for cls in cloud_components():
        assert set(CONTRACT) <= set(cls.outputs()), cls


@pytest.mark.parametrize("name", sampled(PLACES, 3))
def test_each_place_can_be_switched_off_and_the_others_stay_as_they_are(name: str):
    kind, cloud = PLACES[name]
    without = prod(kubernetes=WITHOUT_A_CLUSTER, **{kind: {cloud: {"enabled": False}}})
    changes = diff(clouds_alone(), without).changes
    beside = {"urn:pulumi:prod::qudag-mcp::pulumi:providers:command::command"}
    monitoring = {
        one.urn for one in clouds_alone().resources if one.name.startswith(f"{cloud}-monitoring")
    }
    by_action = {
        action: {change.resource.urn for change in changes if change.action is action}
        for action in {change.action for change in changes}
    }
    # Alarms and the dashboard of that cloud no longer watch it.
    assert by_action.pop(Action.CHANGE, set()) <= monitoring
    assert set(by_action) == {Action.DELETE}
    assert by_action[Action.DELETE] - beside - monitoring == below(clouds_alone(), name)


def test_without_places_in_clouds_the_cluster_stays_as_it_is():
    off: dict[str, Any] = {cloud: {"enabled": False} for cloud in CLOUDS}
    nowhere = dict.fromkeys(CLOUDS)
    changes = diff(stack("prod"), prod(serverless=off, containers=off, clouds=nowhere)).changes
    assert changes
    assert {change.action for change in changes} == {Action.DELETE}
    assert [change.resource.urn for change in changes if change.resource.is_kubernetes_object] == []


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_cloud_that_nothing_goes_to_has_no_provider_and_no_place(cloud: str):
    off = {cloud: {"enabled": False}}
    graph = prod(kubernetes=WITHOUT_A_CLUSTER, serverless=off, containers=off, clouds={cloud: None})
    package = CLOUDS[cloud]
    assert [one.name for one in graph.resources if one.type.startswith(f"{package}:")] == []
    assert graph.all(f"pulumi:providers:{package}") == []
    others = {CLOUDS[other] for other in CLOUDS if other != cloud}
    assert {one.type.partition(":")[0] for one in graph.resources} >= others


def test_without_a_cluster_the_first_place_in_the_clouds_is_the_stacks():
    graph = clouds_alone()
    assert [one.name for one in graph.resources if one.is_kubernetes_object] == []
    assert graph.all("pulumi:providers:kubernetes") == []
    first = graph.outputs["targets"]["aws-function"]
    assert {name: graph.outputs[name] for name in CONTRACT} == {
        name: first[name] for name in CONTRACT
    }


@pytest.mark.parametrize("era", ["modern", pytest.param("dual", marks=pytest.mark.slow), "legacy"])
def test_the_graph_of_prod_passes_every_check_in_every_era(era: str):
    graph = stack("prod") if era == "modern" else prod(protocol={"era": era})
    assert graph.outputs["era"] == era
    assert [str(problem) for problem in broken_policies(graph)] == []


def test_every_resource_of_a_cloud_carries_the_same_tags():
    graph = stack("prod")
    wanted = {
        "project": "qudag-mcp",
        "environment": "prod",
        "stack": "prod",
        "managed-by": "pulumi",
        "team": "platform",
    }
    aws, gcp = graph.one("pulumi:providers:aws"), graph.one("pulumi:providers:gcp")
    assert json.loads(aws.inputs["defaultTags"]) == {"tags": wanted}
    assert json.loads(gcp.inputs["defaultLabels"]) == wanted
    azure = [one for one in graph.resources if one.type.startswith("azure-native:")]
    shapes = shapes_of(one.type for one in azure)
    taggable = [one for one in azure if "tags" in shapes[one.type]["properties"]]
    assert len(taggable) > 8
    assert {one.name: one.inputs.get("tags") for one in taggable} == {
        one.name: wanted for one in taggable
    }


def test_providers_refuse_other_accounts_and_take_no_credentials_from_the_program():
    graph = stack("prod")
    assert graph.one("pulumi:providers:aws").inputs.keys() == {
        "allowedAccountIds",
        "defaultTags",
        "region",
    }
    assert graph.one("pulumi:providers:gcp").inputs.keys() == {
        "defaultLabels",
        "project",
        "region",
    }
    assert graph.one("pulumi:providers:azure-native").inputs.keys() == {
        "location",
        "subscriptionId",
        "tenantId",
    }


@pytest.mark.slow
def test_a_changed_comment_is_a_new_object_and_an_updated_function_a_cloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    theirs = tmp_path / "checkout"
    parts = (
        "__main__.py",
        "Pulumi.yaml",
        "Pulumi.prod.yaml",
        "components",
        "stacks",
        "graph",
        "archives",
        "runtime",
        "docs/runbooks",
    )
    for part in parts:
        copying = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        (theirs / part).parent.mkdir(parents=True, exist_ok=True)
        copying(ROOT / part, theirs / part)
    assert diff(stack("prod"), record_stack(theirs, "prod")).is_empty
    source = theirs / "runtime" / "tools.py"
    source.write_text(source.read_text() + "# the same tools, with a remark\n")
    changes = diff(stack("prod"), record_stack(theirs, "prod")).changes
    assert {(change.resource.name, change.action) for change in changes} == {
        ("aws-function-archive", Action.REPLACE),
        ("aws-function-function", Action.CHANGE),
        ("gcp-function-archive", Action.REPLACE),
        ("gcp-function-function", Action.CHANGE),
        ("azure-function-publish", Action.CHANGE),
    }


_PREVIEW = """
import pathlib, re, sys, time
from delivery.cli import app
try:
    app(["preview", "--stack", "prod"])
except SystemExit as ended:
    assert not ended.code
status = pathlib.Path("/proc/self/status").read_text()
mebibytes = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) / 1024
print(time.process_time(), mebibytes, file=sys.stderr)
"""


def test_the_preview_of_everything_is_quick_and_small():
    """Processor time, which other tests on the machine do not lengthen as much."""
    broken_policies(stack("prod"))  # from here on it is known what the SDKs say of types
    run = subprocess.run(
        [sys.executable, "-c", _PREVIEW], capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, mebibytes = map(float, run.stderr.split()[-2:])
    assert seconds < SECONDS
    assert mebibytes < MEBIBYTES
    for cloud in ("aws", "gcp", "azure-native", "kubernetes"):
        assert re.search(rf"provider \w+ \({cloud}\)", run.stdout)
