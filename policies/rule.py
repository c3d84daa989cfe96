"""The forms of rules about cloud resources: rows of data, and functions on a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from components.base.limits import Limit
from components.base.problems import Problem
from graph.resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph
from graph.tree import dig


@dataclass(frozen=True, kw_only=True)
class Required:
    """A property that must have an allowed value.

    Attributes:
        on: type of the resource.
        path: dots lead inside, ``[*]`` stands for each item of a list.
        allowed: the values that are; or a function that says whether one is.
        consequence: what would happen otherwise.
        fix: what to write.
        absent: whether the property may be left out.
    """

    on: str
    path: str
    allowed: tuple[Any, ...] | Callable[[Any], bool]
    consequence: str
    fix: str
    absent: bool = False

    def accepts(self, value: Any) -> bool:
        """Whether ``value`` is allowed; a value that is known only after the deployment is."""
        if value in (UNKNOWN, SECRET):
            return True
        if value is None:
            return self.absent
        if callable(self.allowed):
            return self.allowed(value)
        return any(value == one and type(value) is type(one) for one in self.allowed)


@dataclass(frozen=True, kw_only=True)
class Companion:
    """A resource that is safe only together with another one, which names it.

    Attributes:
        on: type of the resource.
        companion: type of the other one.
        by: property of the other one that holds the first one's id or name.
        consequence: what would happen without it.
    """

    on: str
    companion: str
    by: str
    consequence: str


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A property that names another resource of the graph.

    Attributes:
        on: type of the resource.
        path: as in Required.
        to: type of the other resource.
        output: the output of it that the property must have; ``id`` for its id.
    """

    on: str
    path: str
    to: str
    output: str = "id"


@dataclass(frozen=True, kw_only=True)
class Host:
    """A resource that runs a server and waits for its answers.

    Attributes:
        on: its type.
        variables: path of the server's environment, a mapping or a list of names and values.
        waits: property with the seconds that it waits for an answer.
        grace: property with the seconds that a stopping server is given.
        limit: how long it waits where that cannot be set.
    """

    on: str
    variables: str
    waits: str | None = None
    grace: str | None = None
    limit: Limit | None = None


Check = Callable[[ResourceGraph], Iterable[Problem]]
"""A rule that no row can express."""


@dataclass(frozen=True, kw_only=True)
class CloudRules:
    """All rules for one cloud: what ``RULES`` of its module is."""

    required: tuple[Required, ...]
    companions: tuple[Companion, ...] = ()
    references: tuple[Reference, ...] = ()
    hosts: tuple[Host, ...] = ()
    checks: tuple[Check, ...] = ()


def present(value: Any) -> bool:
    """Whether something is set that is not empty."""
    return bool(value)


def values(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each path that ``path`` matches, with its value; None where there is none."""
    head, _, rest = path.partition(".")
    name, each, _ = head.partition("[*]")
    inside = dig(tree, name)
    if not each:
        found: list[tuple[str, Any]] = [(name, inside)]
    elif isinstance(inside, list):
        items = cast("list[Any]", inside)
        found = [(f"{name}[{index}]", item) for index, item in enumerate(items)]
    else:
        found = [(name, inside)] if inside is None or inside == UNKNOWN else []
    for place, value in found:
        if not rest or value is None or value == UNKNOWN:
            yield place if not rest else f"{place}.{rest}", value
            continue
        for deeper, inner in values(value, rest):
            yield f"{place}.{deeper}", inner


def within(limit: Limit) -> Callable[[Any], bool]:
    """The condition that a value is inside ``limit``; seconds may be text that ends in s."""

    def fits(value: Any) -> bool:
        number = str(value).removesuffix("s")
        return number.isdecimal() and not limit.problems("", int(number), fix="")

    return fits


def at(resource: Resource, path: str, what: str, consequence: str, fix: str) -> Problem:
    """A problem of one property, under the resource's logical name."""
    return Problem(f"{resource.name}.{path}", f"{what} ({resource.type})", consequence, fix)
