"""What a rule about cloud resources is: a row of data, read by a function over the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from components.base.limits import Limit
from components.base.problems import Problem
from graph.resource_graph import SECRET, UNKNOWN, Resource
from graph.tree import dig


@dataclass(frozen=True, kw_only=True)
class Required:
    """A property that must be what it is required to be.

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
        """Whether ``value`` may stand there; what only the deployment will know may."""
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
        to: type of the resource that is meant.
        output: what of it stands there; ``id`` for its id.
    """

    on: str
    path: str
    to: str
    output: str = "id"


def values(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each place that ``path`` leads to, with what stands there; None where nothing does."""
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
    """What a value inside ``limit`` is; seconds may be text that ends in s."""

    def fits(value: Any) -> bool:
        number = str(value).removesuffix("s")
        return number.isdecimal() and not limit.problems("", int(number), fix="")

    return fits


def pinned(image: Any) -> bool:
    """Whether an image's name has a version or a digest."""
    _, _, tail = str(image).rpartition("/")
    return "@sha256:" in tail or (":" in tail and not tail.endswith(":latest"))


def at(resource: Resource, path: str, what: str, consequence: str, fix: str) -> Problem:
    """A problem of one property, under the resource's logical name."""
    return Problem(f"{resource.name}.{path}", f"{what} ({resource.type})", consequence, fix)
