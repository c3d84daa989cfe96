"""Functions of providers: unknown results, and one line where a program needs the value."""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_azure_native as azure
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s
import pytest

from graph.failures import ValueNeeded
from tests.harness import record

THING = "test:index:Thing"
IDENTITY = "aws:index/getCallerIdentity:getCallerIdentity"
ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"


class Thing(pulumi.CustomResource):
    def __init__(self, name: str, **properties: Any) -> None:
        super().__init__(THING, name, properties)


def inputs(**properties: Callable[[], Any]) -> dict[str, Any]:
    graph = record(lambda: Thing("x", **{name: make() for name, make in properties.items()}))
    return graph.one(THING).inputs


FUNCTIONS: dict[str, Callable[[], Any]] = {
    "text": lambda: aws.get_caller_identity().account_id,
    "text of an output": lambda: aws.get_caller_identity_output().account_id,
    "a list": lambda: aws.get_availability_zones(state="available").names,
    "an item of a list of an output": lambda: aws.get_availability_zones_output().names[0],
    "a mapping": lambda: gcp.organizations.get_project().labels,
    "a boolean": lambda: gcp.organizations.get_project().auto_create_network,
    "text of Google Cloud": lambda: gcp.organizations.get_project().number,
    "a single value": lambda: gcp.name_from_id(id="projects/p/topics/t"),
    "text of Azure": lambda: azure.authorization.get_client_config().tenant_id,
    "text of an output of Azure": lambda: azure.authorization.get_client_config_output().tenant_id,
    "computed of an output": lambda: aws.get_caller_identity_output().apply(
        lambda found: found.arn.split(":")[4]
    ),
    "a list as an output": lambda: pulumi.Output.from_input(aws.get_availability_zones().names),
    "a mapping as an output": lambda: pulumi.Output.from_input(
        gcp.organizations.get_project().labels
    ),
    "another stack's output": lambda: pulumi.StackReference("o/p/s").get_output("vpc"),
    "an existing resource's property": lambda: aws.ec2.Vpc.get("vpc", "vpc-1").cidr_block,
    "an existing object's property": lambda: (
        k8s.core.v1.Service.get("svc", "ns/name").status.load_balancer.ingress[0].ip
    ),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_result_that_is_passed_on_is_unknown(function: Callable[[], Any]):
    assert inputs(value=function) == {"value": "[unknown]"}


def test_a_property_that_contains_a_result_is_unknown():
    found = inputs(
        arn=lambda: f"arn:aws:iam::{aws.get_caller_identity().account_id}:root",
        joined=lambda: "/".join(["a", aws.get_caller_identity().account_id]),
        document=lambda: json.dumps({"arn": aws.get_caller_identity().arn}),
        tags=lambda: {"project": gcp.organizations.get_project().name},
    )
    assert found == {
        "arn": "[unknown]",
        "joined": "[unknown]",
        "document": "[unknown]",
        "tags": {"project": "[unknown]"},
    }


def test_a_whole_result_can_be_exported():
    graph = record(lambda: pulumi.export("caller", aws.get_caller_identity()))
    assert set(graph.outputs["caller"].values()) == {"[unknown]"}


NEEDED: dict[str, tuple[Callable[[], Any], str, str, str]] = {
    "an index": (lambda: aws.get_availability_zones().names[0], ZONES, "names", "an index"),
    "a loop": (lambda: [*aws.get_availability_zones().names], ZONES, "names", "a loop"),
    "sorting": (lambda: sorted(aws.get_availability_zones().names), ZONES, "names", "a loop"),
    "a length": (lambda: len(aws.get_availability_zones().names), ZONES, "names", "`len()`"),
    "a branch": (
        lambda: "prod" if aws.get_caller_identity().account_id == "1" else "dev",
        IDENTITY, "accountId", "a comparison",
    ),
    "a condition": (
        lambda: 1 if aws.get_availability_zones().names else 0, ZONES, "names", "a condition",
    ),
    "a part of a text": (
        lambda: aws.get_caller_identity().arn.split(":"), IDENTITY, "arn", "`.split()`",
    ),
    "a number": (lambda: int(aws.get_caller_identity().account_id), IDENTITY, "accountId",
                 "a number"),
    "a key": (lambda: {aws.get_caller_identity().account_id: 1}, IDENTITY, "accountId",
              "a key of a mapping"),
    "an entry": (
        lambda: gcp.organizations.get_project().labels["team"],
        "gcp:organizations/getProject:getProject", "labels", "an index",
    ),
    "a resource's name": (
        lambda: Thing(f"logs-{aws.get_caller_identity().account_id}"),
        IDENTITY, "accountId", f"the name of a {THING}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("use", "function", "path", "needed"), NEEDED.values(), ids=NEEDED)
def test_value_needed_names_function_property_and_use(
    use: Callable[[], Any], function: str, path: str, needed: str
):
    with pytest.raises(ValueNeeded) as raised:
        record(use)
    assert (raised.value.function, raised.value.path, raised.value.use) == (function, path, needed)


def test_each_function_that_is_not_called_is_named_once():
    def program() -> None:
        aws.get_caller_identity()
        aws.get_caller_identity()
        aws.get_availability_zones_output()

    assert [notice.subject for notice in record(program).notices] == [IDENTITY, ZONES]


def test_outside_a_recording_functions_are_the_sdks():
    record(lambda: None)

    class Answering(pulumi.runtime.Mocks):
        def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[Any]]:
            return {"accountId": f"of {args.token}"}, []

        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, Any]:
            raise NotImplementedError(args.typ)

    def ask() -> str:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            pulumi.runtime.set_mocks(Answering())
            return aws.get_caller_identity().account_id
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    assert contextvars.copy_context().run(ask) == f"of {IDENTITY}"
