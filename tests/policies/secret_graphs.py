"""Records the graphs of the corpus with some of their values marked as secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import pulumi

from graph.resource_graph import ResourceGraph
from tests.harness import record
from tests.policies.corpus import Case

Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Marked:
    """A case with secrets.

    Attributes:
        resource: index of the resource that has them; None for all resources.
        steps: where its secret is; empty for each of its inputs as a whole.
    """

    case: Case
    resource: int | None
    steps: Steps = ()

    @property
    def name(self) -> str:
        where = "every input" if not self.steps else ".".join(map(str, self.steps))
        return f"{self.case.rule}: {self.case.name}: {where}"

    @property
    def secrets(self) -> list[Any]:
        """The values that are secret."""
        if self.resource is None:
            return [value for each in self.case.resources for value in each["inputs"].values()]
        return [_at(self.case.resources[self.resource]["inputs"], self.steps)]

    def graph(self) -> ResourceGraph:
        """What a program with these resources and these secrets registers."""
        resources = self.case.resources

        def program() -> None:
            for number, each in enumerate(resources):
                inputs: Any = each["inputs"]
                if self.resource is None:
                    inputs = {key: pulumi.Output.secret(one) for key, one in inputs.items()}
                elif number == self.resource:
                    inputs = _with_secret(inputs, self.steps)
                pulumi.CustomResource(each["type"], each.get("name", "it"), inputs)

        recorded = record(program, project="acme", stack="prod")
        # Without shapes of types, the properties are not compared with the SDKs', which take
        # seconds; the stack itself is no part of the corpus.
        return replace(recorded, shapes={})

    def masked(self) -> ResourceGraph:
        """As ``graph``, without the values of the secrets."""
        return replace(self.graph(), unmasked={})


def marked_cases(case: Case) -> Iterator[Marked]:
    """The case with every input secret, and with each part of the dangerous value's path."""
    yield Marked(case, None)
    name, _, path = case.at.partition(".")
    for number, each in enumerate(case.resources):
        if each.get("name", "it") == name:
            steps = _steps(each["inputs"], path)
            yield from (Marked(case, number, steps[:end]) for end in range(1, len(steps) + 1))


def _steps(tree: Any, path: str) -> Steps:
    """The steps of a path that lead through mappings and lists, and not into a text."""
    steps: list[str | int] = []
    for name, index, quoted in re.findall(r'([^.\[\]]+)|\[(\d+)\]|\[("[^"]*")\]', path):
        key = int(index) if index else json.loads(quoted) if quoted else name
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            break
        steps.append(key)
    return tuple(steps)


def _at(tree: Any, steps: Steps) -> Any:
    for step in steps:
        tree = tree[step]
    return tree


def _with_secret(tree: Any, steps: Steps) -> Any:
    if not steps:
        return pulumi.Output.secret(tree)
    if isinstance(tree, list):
        items = cast("list[Any]", tree)
        return [
            _with_secret(one, steps[1:]) if number == steps[0] else one
            for number, one in enumerate(items)
        ]
    return {
        key: _with_secret(one, steps[1:]) if key == steps[0] else one for key, one in tree.items()
    }


def texts_of(value: Any) -> Iterator[str]:
    """Each text of a value, also of JSON in a text."""
    if isinstance(value, dict):
        for key, one in cast("dict[str, Any]", value).items():
            yield key
            yield from texts_of(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from texts_of(one)
    elif isinstance(value, str):
        yield value
        if value[:1] in ("{", "["):
            try:
                yield from texts_of(json.loads(value))
            except ValueError:
                return
