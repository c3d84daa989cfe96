"""What is made of values that are not known yet."""

from __future__ import annotations

import json
from typing import Any

import pulumi

from components.base.cloud_resource import CloudResource
from components.base.inputs import applied, json_text
from graph.recorder import record
from graph.secrets import SECRET


def _recorded(**properties: Any) -> Any:
    def program() -> None:
        made = {name: value() for name, value in properties.items()}
        CloudResource("aws:s3/bucket:Bucket", "bucket", made, opts=pulumi.ResourceOptions())

    return next(one for one in record(program).resources if one.name == "bucket").inputs


def _joined(one: object, other: object) -> str:
    return f"{one} {other}"


def test_outputs_are_replaced_at_any_depth_and_all_else_stays():
    later = pulumi.Output.from_input

    def value() -> Any:
        return {
            "first": later("a"),
            "list": [1, later([2, {"three": 3}]), (None, later(True), "text")],
            "map": {"b": {"c": later({"d": 1.5})}},
        }

    inputs = _recorded(
        text=lambda: json_text(value()),
        same=lambda: applied(json.dumps, value()),
    )
    expected = {
        "first": "a",
        "list": [1, [2, {"three": 3}], [None, True, "text"]],
        "map": {"b": {"c": {"d": 1.5}}},
    }
    assert json.loads(inputs["text"]) == expected
    assert json.loads(inputs["same"]) == expected


def test_a_text_with_a_secret_is_secret_and_one_with_an_unknown_value_unknown():
    def unknown() -> pulumi.Output[Any]:
        return CloudResource(
            "aws:s3/bucket:Bucket", "other", {}, outputs=("arn",), opts=pulumi.ResourceOptions()
        ).output("arn")

    inputs = _recorded(
        secret=lambda: json_text({"list": ["a", pulumi.Output.secret("b")]}),
        unknown=lambda: json_text([{"arn": unknown()}]),
        several=lambda: applied(_joined, {"a": pulumi.Output.secret("b")}, ["c"]),
    )
    assert inputs == {"secret": SECRET, "unknown": "[unknown]", "several": SECRET}


def test_a_tuple_stays_a_tuple():
    inputs = _recorded(text=lambda: applied(_joined, (pulumi.Output.from_input(1), 2), [3]))
    assert inputs["text"] == "(1, 2) [3]"


def test_a_value_that_is_changed_after_the_call_is_as_it_was():
    def text() -> Any:
        value: dict[str, Any] = {"one": pulumi.Output.from_input(1), "list": [2]}
        made = json_text(value)
        del value["one"]
        value["list"].append(pulumi.Output.from_input(3))
        return made

    assert json.loads(_recorded(text=text)["text"]) == {"one": 1, "list": [2]}


def test_values_that_are_known_need_no_output():
    assert applied(_joined, {"a": [1]}, (2,)) == "{'a': [1]} (2,)"
