"""Args from a mapping: the right dataclass, or every problem with its path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base.arguments import arguments, camel
from components.base.problems import Problem, ProblemReport


class Colour(Enum):
    RED = "red"
    GREEN = "green"


@dataclass(frozen=True, kw_only=True)
class Leaf:
    leaf_size: int
    name: pulumi.Input[str] = "leaf"
    depth: int | None = None


@dataclass(frozen=True, kw_only=True)
class Pot:
    litres: int
    type: Literal["pot"] = "pot"


@dataclass(frozen=True, kw_only=True)
class Bed:
    width: int
    type: Literal["bed"] = "bed"


@dataclass(frozen=True, kw_only=True)
class Tree:
    kind: Literal["oak", "ash"]
    leaves: Sequence[Leaf] = ()
    first_leaf: Leaf | None = None
    by_name: Mapping[str, Leaf] = field(default_factory=dict[str, Leaf])
    colour: Colour = Colour.GREEN
    old: bool = False
    ground: Pot | Bed | None = None
    after: Sequence[pulumi.Resource] = ()


def refused(given: Mapping[str, Any]) -> dict[str, Problem]:
    with pytest.raises(ProblemReport) as report:
        arguments(Tree, given, at="tree")
    return {problem.path: problem for problem in report.value.problems}


def test_mappings_lists_and_choices_become_what_the_hints_say():
    made = arguments(
        Tree,
        {
            "kind": "ash",
            "leaves": [{"leafSize": 1}, {"leaf_size": 2, "name": "b"}],
            "firstLeaf": {"leafSize": 3},
            "byName": {"x": {"leafSize": 4}},
            "colour": "red",
            "old": True,
        },
        at="tree",
    )
    assert made == Tree(
        kind="ash",
        leaves=(Leaf(leaf_size=1), Leaf(leaf_size=2, name="b")),
        first_leaf=Leaf(leaf_size=3),
        by_name={"x": Leaf(leaf_size=4)},
        colour=Colour.RED,
        old=True,
    )


def test_values_of_the_right_class_stay_as_they_are():
    leaf = Leaf(leaf_size=1)
    made = arguments(Tree, {"kind": "oak", "firstLeaf": leaf, "colour": Colour.RED}, at="tree")
    assert made.first_leaf is leaf
    assert made.colour is Colour.RED


def test_a_whole_number_that_comes_as_a_float_is_one():
    made = arguments(Leaf, {"leafSize": 3.0, "depth": 2.0}, at="leaf")
    assert repr((made.leaf_size, made.depth)) == "(3, 2)"


async def test_an_output_may_stand_for_an_input():
    output = pulumi.Output.from_input("later")
    assert arguments(Leaf, {"leafSize": 1, "name": output}, at="leaf").name is output


def test_null_leaves_an_optional_field_unset():
    assert arguments(Tree, {"kind": "oak", "firstLeaf": None}, at="tree").first_leaf is None


def test_every_problem_is_said_at_once_with_its_path():
    problems = refused(
        {
            "kind": "elm",
            "leaves": [{"leafSize": 1}, {"leafsize": 2}],
            "colour": "gren",
            "colur": "red",
        }
    )
    assert set(problems) == {
        "tree.kind",
        "tree.leaves[1].leafsize",
        "tree.leaves[1].leafSize",
        "tree.colour",
        "tree.colur",
    }
    assert problems["tree.leaves[1].leafsize"].fix == "write leafSize"
    assert problems["tree.colour"].fix == "write green"
    assert problems["tree.colur"].fix == "write colour"


@pytest.mark.parametrize(
    ("given", "path", "what"),
    [
        ({"kind": "oak", "leaves": "abc"}, "tree.leaves", "is 'abc', not a list"),
        ({"kind": "oak", "leaves": [3]}, "tree.leaves[0]", "is 3, not a mapping"),
        ({"kind": "oak", "firstLeaf": "x"}, "tree.firstLeaf", "is 'x', not a mapping"),
        ({"kind": "oak", "byName": ["x"]}, "tree.byName", "is a list, not a mapping"),
        (
            {"kind": "oak", "leaves": [{"leafSize": 1.5}]},
            "tree.leaves[0].leafSize",
            "is 1.5, not a whole number",
        ),
        ({"kind": "oak", "old": "yes"}, "tree.old", "is 'yes', not true or false"),
        ({"kind": ["oak"]}, "tree.kind", "is a list, none of oak, ash"),
        ({}, "tree.kind", "is missing"),
    ],
)
def test_a_value_of_another_kind_is_refused(given: dict[str, Any], path: str, what: str):
    problems = refused(given)
    assert {path: problem.what for path, problem in problems.items()} == {path: what}


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.text()))
def test_any_mapping_gives_args_or_a_problem_report(given: dict[str, Any]):
    problems: tuple[Problem, ...] = ()
    try:
        arguments(Tree, given, at="tree")
    except ProblemReport as report:
        problems = report.problems
    assert all(problem.path.startswith("tree.") and problem.fix for problem in problems)


@pytest.mark.parametrize(
    ("name", "written"), [("cpu", "cpu"), ("longest_tool", "longestTool"), ("a_b_c", "aBC")]
)
def test_names_are_camel_case_outside(name: str, written: str):
    assert camel(name) == written


def test_a_union_of_dataclasses_is_selected_by_the_field_type():
    made = arguments(Tree, {"kind": "oak", "ground": {"type": "bed", "width": 3}}, at="tree")
    assert made.ground == Bed(width=3)


@pytest.mark.parametrize("ground", [{"width": 3}, {"type": "bet", "width": 3}])
def test_a_union_without_a_known_type_is_refused(ground: Mapping[str, Any]):
    problem = refused({"kind": "oak", "ground": ground})["tree.ground.type"]
    assert "pot" in problem.fix or "bed" in problem.fix


def test_a_wrong_field_of_the_chosen_dataclass_is_named():
    problems = refused({"kind": "oak", "ground": {"type": "pot", "width": 3}})
    assert set(problems) == {"tree.ground.width", "tree.ground.litres"}
