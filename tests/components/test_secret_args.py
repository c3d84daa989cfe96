"""Each arg of a component that names a Secret refuses a value in its place without showing it."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import pulumi
import pytest

from components.base.constraints import Form
from components.base.hints import hints
from components.base.problems import ProblemReport
from graph.resource_graph import SECRET
from tests.harness import record
from tests.harness.canaries import Canary, leaks
from tests.harness.component_cases import CASES

Steps = tuple[str | int, ...]
CANARY = Canary.of("a value in place of a name")

NAMED: Final = re.compile(r"secret|password|credential|token|private|key$|keys$")
SHOWN: Final = {
    "kms_key": "the name of a key",
    "key": "the name of a key of a Secret, or of a taint",
    "keys": "names of keys of a Secret",
    "further_keys": "names of keys of a Secret",
    "private_subnets": "ids of subnets",
    "token_url": "the address of an endpoint",
}
"""Args with such a name whose values are no secret and no name of one, each with the reason."""


def is_secret(annotation: Any) -> bool:
    """Whether a type is a text whose form says that a value in its place may be a secret."""
    forms = [each for each in getattr(annotation, "__metadata__", ()) if isinstance(each, Form)]
    return any(form.secret for form in forms) or any(map(is_secret, typing.get_args(annotation)))


def secret_args(args: Any, annotation: Any = None) -> Iterator[Steps]:
    """Where args have a name of a Secret: the steps from the args to each."""
    if dataclasses.is_dataclass(args):
        known = hints(type(args))
        for field in dataclasses.fields(args):
            for steps in secret_args(getattr(args, field.name), known[field.name]):
                yield (field.name, *steps)
    elif isinstance(args, str):
        if is_secret(annotation):
            yield ()
    elif isinstance(args, Mapping | Sequence):
        each = cast("Mapping[Any, Any] | Sequence[Any]", args)
        members = each.items() if isinstance(each, Mapping) else enumerate(each)
        for key, member in members:
            for steps in secret_args(member, annotation):
                yield (key, *steps)


def with_value(args: Any, steps: Steps) -> Any:
    """The args with the canary at the end of the steps."""
    if not steps:
        return CANARY.text
    step, rest = steps[0], steps[1:]
    if dataclasses.is_dataclass(args):
        value = with_value(getattr(args, str(step)), rest)
        return dataclasses.replace(cast("Any", args), **{str(step): value})
    if isinstance(args, Mapping):
        mapping = cast("Mapping[Any, Any]", args)
        return {**mapping, step: with_value(mapping[step], rest)}
    members = list(cast("Sequence[Any]", args))
    members[int(step)] = with_value(members[int(step)], rest)
    return members


def fields_of(args_type: type, seen: set[type]) -> Iterator[tuple[str, str, Any]]:
    """Each field of a dataclass, and of those that its fields hold, with its type."""
    seen.add(args_type)
    for name, hint in hints(args_type).items():
        yield args_type.__name__, name, hint
        for each in types_in(hint):
            if dataclasses.is_dataclass(each) and each not in seen:
                yield from fields_of(each, seen)


def types_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for each in typing.get_args(annotation):
        yield from types_in(each)


FOUND = [(name, steps) for name, (_, args) in CASES.items() for steps in secret_args(args)]


@pytest.mark.parametrize(("name", "steps"), FOUND, ids=str)
def test_a_value_in_place_of_the_name_of_a_secret_is_refused_and_not_shown(name: str, steps: Steps):
    component, args = CASES[name]
    with pytest.raises(ProblemReport) as refused:
        record(lambda: component("node", with_value(args, steps)))
    assert leaks([CANARY], {"the refusal": str(refused.value)}) == []


def test_every_arg_that_is_named_like_a_secret_has_a_form_that_hides_its_value():
    seen: set[type] = set()
    fields = {
        (owner, name): hint
        for component, _ in CASES.values()
        for owner, name, hint in fields_of(component.args_type, seen)
    }
    shown = {
        each
        for each, hint in fields.items()
        if NAMED.search(each[1])
        and str in types_in(hint)
        and not is_secret(hint)
        and not any(map(dataclasses.is_dataclass, types_in(hint)))
    }
    assert {name for _, name in shown} == set(SHOWN)
    assert len([hint for hint in fields.values() if is_secret(hint)]) > 30


@pytest.mark.parametrize("wrap", [str, pulumi.Output.secret], ids=["in clear", "as a secret"])
def test_the_one_arg_with_a_secret_value_is_a_secret_in_the_graph(wrap: Any):
    component, args = CASES["RdsDataTier"]

    def program(password: str) -> None:
        component("node", dataclasses.replace(args, cache_password=wrap(password)))

    graph = record(lambda: program(CANARY.text))
    assert SECRET in graph.to_json()
    assert leaks([CANARY], {"graph.json": graph.to_json(), "repr": repr(graph)}) == []
    short = CANARY.text[:12]
    with pytest.raises(ProblemReport) as refused:
        record(lambda: program(short))
    assert short not in str(refused.value)
