"""Property changes: everything that differs, nothing else, at the place where it differs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.tree import branch, entries
from review.properties import Difference, PropertyChange, property_changes

KEYS = st.text("abc.-/", min_size=1, max_size=4)
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.text("xy\n", max_size=4)
NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("pqrs"), "value": LEAVES}),
    max_size=4,
    unique_by=lambda item: item["name"],
)
TREES = st.recursive(
    LEAVES | NAMED,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def only(old: Any, new: Any) -> PropertyChange:
    (change,) = property_changes(old, new)
    return change


@given(TREES)
def test_a_tree_does_not_differ_from_itself(tree: Any):
    assert property_changes({"root": tree}, {"root": tree}) == []


@given(TREES, TREES)
def test_trees_without_changes_are_equal(old: Any, new: Any):
    same = repr(_sorted(old)) == repr(_sorted(new))
    assert (property_changes({"root": old}, {"root": new}) == []) == same


@given(TREES, TREES)
def test_no_change_says_that_a_value_became_itself(old: Any, new: Any):
    for change in property_changes({"root": old}, {"root": new}):
        assert repr(change.old) != repr(change.new) or change.old is None


@given(st.lists(KEYS, min_size=1, max_size=4), LEAVES, LEAVES, TREES)
def test_one_leaf_that_differs_is_one_change(path: list[str], old: Any, new: Any, other: Any):
    def grown(leaf: Any) -> Any:
        for key in reversed(path):
            leaf = {key: leaf, "other": other}
        return leaf

    changes = property_changes(grown(old), grown(new))
    if repr(old) == repr(new):
        assert changes == []
    else:
        assert [(one.old, one.new) for one in changes] == [(old, new)]


@given(TREES, TREES)
def test_turning_a_diff_around_swaps_added_and_removed(old: Any, new: Any):
    def tally(changes: list[PropertyChange], difference: Difference) -> int:
        return sum(change.difference is difference for change in changes)

    there, back = property_changes({"r": old}, {"r": new}), property_changes({"r": new}, {"r": old})
    by_name = [change for change in (*there, *back) if change.path.endswith("]")]
    if not by_name:  # lists without names may align in more than one way
        assert tally(there, Difference.ADDED) == tally(back, Difference.REMOVED)


@given(NAMED, st.data())
def test_items_with_names_are_found_at_any_position(items: list[Any], data: st.DataObject):
    shuffled = data.draw(st.permutations(items))
    changes = property_changes({"items": items}, {"items": shuffled})
    assert all(change.difference is Difference.REORDERED for change in changes)
    assert bool(changes) == (items != shuffled)


def test_an_item_stands_under_its_name_and_not_its_index():
    old = {"containers": [{"name": "gateway", "image": "a:1"}, {"name": "server", "image": "b:1"}]}
    new = {"containers": [{"name": "server", "image": "b:2"}]}
    assert property_changes(old, new) == [
        PropertyChange("containers[gateway]", Difference.REMOVED, old=old["containers"][0]),
        PropertyChange("containers[server].image", Difference.CHANGED, "b:1", "b:2"),
    ]


def test_mounts_of_one_volume_are_identified_by_their_path():
    old = {"mounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]}
    new = {"mounts": [{"name": "v", "mountPath": "/b"}, {"name": "v", "mountPath": "/c"}]}
    assert [change.path for change in property_changes(old, new)] == ["mounts[/a]", "mounts[/c]"]


def test_claim_templates_are_identified_by_metadata_name():
    old = {"claims": [{"metadata": {"name": "data"}, "size": 1}]}
    new = {"claims": [{"metadata": {"name": "data"}, "size": 2}]}
    assert only(old, new).path == "claims[data].size"


def test_an_item_inserted_among_nameless_ones_is_the_only_change():
    change = only({"args": ["a", "b", "c"]}, {"args": ["a", "x", "b", "c"]})
    assert change == PropertyChange("args[1]", Difference.ADDED, new="x")


def test_keys_with_special_characters_are_quoted_in_paths():
    change = only({"data": {"nginx.conf": "a"}}, {"data": {"nginx.conf": "b"}})
    assert change.path == 'data["nginx.conf"]'


def test_true_and_1_are_different_values():
    assert only({"value": True}, {"value": 1}).difference is Difference.CHANGED


def test_a_rendered_file_is_compared_line_by_line():
    old = "\n".join(f"line {number}" for number in range(12))
    change = only({"file": old}, {"file": old.replace("line 6", "line six")})
    assert change.is_text
    assert change.text_diff() == [
        "@@ -4,7 +4,7 @@",
        " line 3",
        " line 4",
        " line 5",
        "-line 6",
        "+line six",
        " line 7",
        " line 8",
        " line 9",
    ]


def test_json_in_a_string_is_compared_as_a_document():
    change = only({"policy": '{"a":1,"b":[2]}'}, {"policy": '{"a":1,"b":[3]}'})
    assert change.text_diff() == ["@@ -1,6 +1,6 @@", " {", '   "a": 1,', '   "b": [', "-    2", "+    3", "   ]", " }"]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("value", ["one line", 3, None, ["a\nb"]])
def test_only_texts_of_several_lines_are_compared_as_text(value: Any):
    assert not PropertyChange("p", Difference.CHANGED, value, "other").is_text


def _sorted(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _sorted(value) for key, value in sorted(branch(tree).items())}
    return [_sorted(item) for item in entries(tree)] if isinstance(tree, list) else tree
