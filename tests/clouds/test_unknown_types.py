"""A change of an unknown resource type is shown as a risk: it may replace, it may lose data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graph.resource_graph import Resource
from review.risks.classes import RiskClass
from tests.harness.graphs import cloud, findings

UNKNOWN = [
    cloud("aws:efs/fileSystem:FileSystem", "files"),
    cloud("azure-native:cognitiveservices:Account", "model"),
    cloud("gcp:bigquery/dataset:Dataset", "events"),
    cloud("azure:storage/account:Account", "classic"),
    cloud("somebody:index:Thing", "thing"),
]
each_unknown = pytest.mark.parametrize("resource", UNKNOWN, ids=lambda resource: resource.type)


def stateful(before: Resource | None, after: Resource | None) -> list[str]:
    return findings(RiskClass.STATEFUL, before, after)


@each_unknown
def test_a_change_of_an_unknown_type_may_replace_it_and_lose_data(resource: Resource):
    (found,) = stateful(resource, replace(resource, inputs={"size": 2}))
    assert resource.name in found
    assert "may be replaced" in found
    assert "may hold data" in found


@each_unknown
def test_deleting_it_may_lose_data(resource: Resource):
    (found,) = stateful(resource, None)
    assert "what may be stored in it" in found


@each_unknown
def test_adding_a_resource_of_an_unknown_type_is_no_risk(resource: Resource):
    assert stateful(None, resource) == []


@pytest.mark.parametrize(
    "resource",
    [
        cloud("aws:iam/role:Role", "role"),
        cloud("command:local:Command", "publish"),
        cloud("pulumi:providers:aws", "aws"),
        replace(cloud("qudag-mcp:index:AwsLambda", "function"), custom=False),
    ],
    ids=lambda resource: resource.type,
)
def test_changing_a_known_type_in_place_is_no_such_risk(resource: Resource):
    assert stateful(resource, replace(resource, inputs={"description": "new"})) == []
