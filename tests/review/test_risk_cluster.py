"""Another cluster: what a preview says of a changed ``kubernetes.context``."""

from __future__ import annotations

import json as json_text
from dataclasses import replace
from typing import Any

import pytest

from graph.programs import ROOT, record_files
from graph.resource_graph import Resource, ResourceGraph
from graph.stack_files import read_stack_files
from review.diff import Action, diff
from review.report import json, markdown, terminal
from review.risks.classes import RiskClass
from tests.harness.graphs import cloud, graph, kube, workload
from tests.review import platform
from tests.review.test_reports import on_terminal

PROVIDER = "pulumi:providers:kubernetes"


def stack(*, protect: bool = False, retain: bool = False, **provider: Any) -> ResourceGraph:
    """A Deployment, a claim and a bucket, with a provider of its own for the cluster."""
    cluster = cloud(PROVIDER, "cluster", **provider)
    claim = replace(
        kube("core/v1:PersistentVolumeClaim", "data"), protect=protect, retain_on_delete=retain
    )
    placed = [replace(one, provider=cluster.urn) for one in (workload(name="core"), claim)]
    return graph(cluster, *placed, cloud("aws:s3:Bucket", "backups"))


def actions(before: ResourceGraph, after: ResourceGraph) -> dict[str, Action]:
    return {one.resource.name: one.action for one in diff(before, after).changes}


def said(before: ResourceGraph, after: ResourceGraph) -> list[str]:
    found = platform.comparison(before, after).risks
    return [one.what for one in found if one.risk is RiskClass.CLUSTER]


OLD = stack(context="east", clusterIdentifier="prod-east")


def test_another_identifier_replaces_the_provider_and_all_that_goes_through_it():
    new = stack(context="west", clusterIdentifier="prod-west")
    replaced = dict.fromkeys(("cluster", "core", "data"), Action.REPLACE)
    assert actions(OLD, new) == replaced


def test_another_cluster_reports_created_deleted_and_retained_objects():
    new = stack(context="west", clusterIdentifier="prod-west")
    assert sorted(said(OLD, new)) == sorted([
        "provider cluster goes to another cluster and is replaced: clusterIdentifier prod-east → "
        "prod-west, context east → west",
        "2 objects are created in the new cluster: 1 Deployment, 1 PersistentVolumeClaim",
        "2 objects are then deleted from the old cluster, through the old provider: it must still "
        "be able to connect",
        "data is not moved to the new cluster; it is deleted with PersistentVolumeClaim core/data",
        "left behind in the old cluster: volumes with the reclaim policy Retain, and what this "
        "stack does not manage",
    ])  # fmt: skip


def test_protected_objects_stop_the_deployment():
    before = stack(protect=True, context="east", clusterIdentifier="a")
    after = stack(protect=True, context="west", clusterIdentifier="b")
    assert (
        "the deployment stops, because these are protected: PersistentVolumeClaim core/data"
        in said(before, after)
    )


def test_retained_objects_are_left_behind():
    before = stack(retain=True, context="east", clusterIdentifier="a")
    after = stack(retain=True, context="west", clusterIdentifier="b")
    (left,) = [what for what in said(before, after) if what.startswith("left behind")]
    assert "PersistentVolumeClaim core/data (retain_on_delete)" in left


def test_with_the_same_identifier_nothing_is_replaced_and_all_is_left_behind():
    new = stack(context="west", clusterIdentifier="prod-east")
    assert actions(OLD, new) == {"cluster": Action.CHANGE}
    stays, left = said(OLD, new)
    assert "of the 2 objects" in stays + left
    assert "replaces nothing" in stays + left
    assert "left behind in the old one" in stays + left


def test_a_renewed_kubeconfig_is_the_same_cluster():
    before = stack(kubeconfig="a", clusterIdentifier="prod")
    after = stack(kubeconfig="b", clusterIdentifier="prod")
    assert actions(before, after) == {"cluster": Action.CHANGE}
    assert said(before, after) == []


@pytest.mark.parametrize(("old", "new"), [({}, {"clusterIdentifier": "a"}),
                                          ({"clusterIdentifier": "a"}, {})])  # fmt: skip
def test_an_identifier_added_or_removed_replaces_nothing(old: Any, new: Any):
    assert actions(stack(**old), stack(**new)) == {"cluster": Action.CHANGE}


def test_without_an_identifier_another_context_is_another_cluster():
    assert actions(stack(context="east"), stack(context="west"))["core"] is Action.REPLACE


@pytest.mark.parametrize("form", ["terminal", "markdown", "json"])
def test_every_report_form_contains_the_cluster_risk(form: str):
    found = platform.comparison(OLD, stack(context="west", clusterIdentifier="prod-west"))
    report = {
        "terminal": lambda: on_terminal(terminal.comparison(found)),
        "markdown": lambda: markdown.comparison(found),
        "json": lambda: json.comparison(found),
    }[form]()
    assert "moves to another cluster" in report
    assert "objects are created in the new cluster" in report
    assert "left behind in the old cluster" in report


def kubernetes_objects(made: ResourceGraph) -> list[Resource]:
    return [one for one in made.resources if one.is_kubernetes_object]


def staging(context: str) -> ResourceGraph:
    files = read_stack_files(ROOT, "staging")
    given = json_text.loads(files.config["qudag-mcp:kubernetes"])
    return record_files(ROOT, files.over({"qudag-mcp:kubernetes": given | {"context": context}}))


def test_another_context_of_a_stack_replaces_all_its_objects():
    before, after = staging("qudag-staging"), staging("another")
    found = diff(before, after)
    replaced = {one.resource.urn for one in found.changes if one.action is Action.REPLACE}
    assert {one.urn for one in kubernetes_objects(before)} <= replaced
    assert staging("qudag-staging").to_json() == before.to_json()
