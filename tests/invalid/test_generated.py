"""Wrong values generated from the JSON Schema for each field, and arbitrary YAML, are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.base.constraints import Form
from components.base.problems import ProblemReport
from stacks.config.error_messages import dotted
from stacks.config.forms import FORMS
from stacks.config.schema import stack_schema
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from tests.invalid.cases import PREFIX, changed, faults, refusals

pytestmark = pytest.mark.slow

SCHEMA = stack_schema()
WRONG: list[Any] = [
    *("", " ", "x y", "ä", "a;b", 'a"b', "a'b", "a\nb", "a{b}", "$a", "`a`", "../a", "-a", "\x00"),
    *("a" * 3000, "true", "1", "0", "-1", "1.5", "1e3", "NaN", "null", "{}", "[]", "0.0.0.0/0"),
    *(-1, 0, 10**6, 10**30, 1.5, -0.5, float("inf"), True, False, None),
    *([], [[]], [None], {}, {"a": 1}, {"": ""}, [{"secure": "v1:abc"}], {"secure": "v1:abc"}),
]


@dataclass(frozen=True)
class Field:
    """One field of the schema: the steps to it, and what it accepts."""

    steps: tuple[int | str, ...]
    schema: dict[str, Any]

    def holding(self, value: Any) -> dict[str, Any]:
        """dev's configuration with ``value`` in this field."""
        for step in reversed(self.steps):
            value = [value] if isinstance(step, int) else {step: value}
        return changed("dev", value)

    @property
    def wrong(self) -> list[Any]:
        schema = {**self.schema, "$defs": SCHEMA["$defs"]}
        return [value for value in WRONG if faults(schema, value)]


def fields(schema: dict[str, Any], steps: tuple[int | str, ...] = ()) -> Iterator[Field]:
    """Every field at and below ``schema``, with an example of each key that is free."""
    if steps:
        yield Field(steps, schema)
    for arm in schema.get("anyOf", [schema]):
        shape = SCHEMA["$defs"][arm["$ref"].rpartition("/")[2]] if "$ref" in arm else arm
        for name, inner in shape.get("properties", {}).items():
            yield from fields(inner, (*steps, name.removeprefix(PREFIX)))
        if isinstance(inner := shape.get("additionalProperties"), dict):
            key = "mcp-server" if steps == ("scaling",) else "app"
            yield from fields(cast("dict[str, Any]", inner), (*steps, key))
        if steps == ("servers",):
            (inner,) = shape["patternProperties"].values()
            yield from fields(inner, (*steps, "weather"))
        if inner := shape.get("items"):
            yield from fields(inner, (*steps, 0))


FIELDS = list(fields(SCHEMA["properties"]["config"]))


def test_many_invalid_values_are_generated():
    assert len(FIELDS) > 70
    assert sum(len(field.wrong) for field in FIELDS) > 1000


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: dotted(field.steps))
def test_values_outside_the_schema_are_refused_at_their_field(field: Field):
    for value in field.wrong:
        paths = [problem.path for problem in refusals(field.holding(value))]
        assert any(path.startswith(dotted(field.steps)) for path in paths), (value, paths)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: dotted(field.steps))
def test_a_misspelt_key_is_refused_at_each_depth(field: Field):
    *above, last = field.steps
    free = len(above) > 0 and (above[-1] == "labels" or above in (["scaling"], ["servers"]))
    if isinstance(last, int) or free:
        return  # an entry of a list, or a name that the person chooses
    paths = [p.path for p in refusals(Field((*above, f"{last}x"), {}).holding("x"))]
    assert dotted((*above, f"{last}x")) in paths


KNOWN = sorted({str(field.steps[-1]) for field in FIELDS})
SOUND = ["mcp.example.com", "10.0.0.0/8", "https://a.example.com", "1Gi", "modern", "ghcr.io/a/b:1"]
WORDS = st.text() | st.sampled_from(KNOWN)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([*WRONG, *SOUND]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(list(StackConfig.model_fields)) | st.text(), VALUES, max_size=4)
)
def test_any_input_gives_a_configuration_or_a_report(raw: dict[str, Any]):
    try:
        validate(raw)
    except ProblemReport as report:
        problems = report.problems
    else:
        return
    assert all(p.path and p.what and p.consequence and p.fix for p in problems)
    assert all(str(problem).count("\n") == 2 for problem in problems)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FIELDS), VALUES)
def test_validation_accepts_nothing_that_the_schema_refuses(field: Field, value: Any):
    raw = field.holding(value)
    try:
        validate(raw)
    except ProblemReport:
        return
    written = {"config": {PREFIX + name: section for name, section in raw.items()}}
    assert not faults(SCHEMA, written)


SERIALIZED = {"URL of keys", "scope", "line of text", "group", "regular expression"}
"""Forms whose texts are written by the TOML and JSON serializers only, which escape them."""
NEVER_AN_ARGUMENT = {"tool"}
"""Forms whose texts may begin with ``-``: they are in the JSON of probes, in no command line."""


@pytest.mark.parametrize(
    "form",
    [form for form in FORMS.values() if form.name not in SERIALIZED],
    ids=lambda form: form.name,
)
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_form_admits_what_ends_a_statement_of_a_rendered_file(form: Form, data: st.DataObject):
    text = data.draw(st.from_regex(form.pattern, fullmatch=True))
    assert not set(text) & set("\"'`;{}()$\\<>|&#,*?! \t\r\n\0")
    assert form.name in NEVER_AN_ARGUMENT or not text.startswith("-")


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_the_examples_of_a_form_are_of_that_form(form: Form):
    assert form.examples
    assert all(re.fullmatch(form.pattern, example) for example in form.examples)
