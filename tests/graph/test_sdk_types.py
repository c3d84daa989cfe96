"""Properties are checked against what the installed SDKs really say."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.base.cloud_resource import CloudResource
from graph.sdk_types import shapes_of
from policies import broken_policies
from tests.harness import record

QUEUE = "aws:sqs/queue:Queue"
GROUP = "azure-native:resources:ResourceGroup"


def said(token: str, **inputs: Any) -> list[tuple[str, str, str]]:
    def program() -> None:
        CloudResource(token, "it", inputs, opts=pulumi.ResourceOptions())

    return [
        (problem.path, problem.what, problem.fix) for problem in broken_policies(record(program))
    ]


def test_a_type_that_no_sdk_has_is_refused():
    ((path, what, _),) = said("aws:sqs/queue:Quueue")
    assert (path, what) == ("it.type", "is not a type of its SDK (aws:sqs/queue:Quueue)")


def test_a_misspelt_property_is_refused_with_the_nearest_one():
    assert ("it.fifoQeue", f"is not a property of this type ({QUEUE})", "write fifoQueue") in said(
        QUEUE, fifoQeue=True
    )


@pytest.mark.parametrize(
    ("inputs", "path", "words"),
    [
        ({"delaySeconds": "5"}, "it.delaySeconds", "write a whole number"),
        ({"fifoQueue": "yes"}, "it.fifoQueue", "write true or false"),
        ({"name": 7}, "it.name", "write text"),
        ({"tags": ["a"]}, "it.tags", "write a mapping"),
        ({"tags": {"a": True}}, "it.tags.a", "write text"),
    ],
)
def test_a_value_of_another_type_is_refused(inputs: dict[str, Any], path: str, words: str):
    assert (path, words) in [(at, fix) for at, _, fix in said(QUEUE, **inputs)]


def test_a_missing_property_of_a_nested_object_is_refused():
    function = "aws:lambda/function:Function"
    found = said(function, role="r", vpcConfig={"subnetIds": []})
    assert "it.vpcConfig.securityGroupIds" in [path for path, _, _ in found]


def test_an_enumerated_value_is_one_of_the_sdks():
    found = said(
        "azure-native:storage:StorageAccount",
        accountName="abc",
        resourceGroupName="group",
        kind="StorageV3",
        sku={"name": "Standard_LRS"},
    )
    assert ("it.kind", "write StorageV2") in [(path, fix) for path, _, fix in found]


def test_unknown_values_are_accepted_for_every_type():
    def program() -> None:
        group = CloudResource(GROUP, "group", {}, outputs=("made",), opts=pulumi.ResourceOptions())
        late = {"delaySeconds": group.output("made")}
        CloudResource(QUEUE, "it", late, opts=pulumi.ResourceOptions())

    paths = [problem.path for problem in broken_policies(record(program))]
    assert "it.delaySeconds" not in paths


@pytest.mark.parametrize(
    "token", [QUEUE, "gcp:cloudrunv2/service:Service", "azure-native:web:WebApp"]
)
def test_a_shape_that_was_kept_is_the_one_that_the_sdk_gives(token: str):
    from graph.sdk_types import asked

    assert shapes_of([token])[token] == asked(token)
