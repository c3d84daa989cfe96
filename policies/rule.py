"""The forms of rules about resources: rows of data, and functions on a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from components.base.limits import Limit
from components.base.problems import Problem
from graph.resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph
from graph.tree import dig

from .finding import Severity


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a reader is told of a rule.

    Attributes:
        id: ``<cloud>-<service>-<number>``, never reused: see ``tests/policies/rule_ids.txt``.
        reference: address of the document that says so, or a control of a benchmark.
        refuses: what the rule refuses, in one sentence.
        fix: what to write instead.
        house: whether only resources of our own components must keep it.
    """

    id: str
    severity: Severity
    reference: str
    refuses: str
    fix: str
    house: bool = False


@dataclass(frozen=True, kw_only=True)
class Hit(Problem):
    """A problem that a rule finds.

    Attributes:
        urn: the resource that breaks the rule.
        rule: id of the rule.
        house: whether only our own components must keep the rule here.
    """

    urn: str
    rule: str
    house: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """What each row says of its rule. Rows that share an id are one rule.

    Attributes:
        id, severity, reference, house: as in Rule.
        on: type of the resource.
    """

    id: str
    severity: Severity
    reference: str
    house: bool = False
    on: str

    def described(self, refuses: str, fix: str) -> Rule:
        """The rule of this row."""
        return Rule(
            id=self.id,
            severity=self.severity,
            reference=self.reference,
            refuses=refuses,
            fix=fix,
            house=self.house,
        )


@dataclass(frozen=True, kw_only=True)
class Required(Row):
    """A property that must have an allowed value.

    Attributes:
        path: dots lead inside, ``[*]`` stands for each item of a list.
        allowed: the values that are; or a function that says whether one is.
        consequence: what would happen otherwise.
        fix: what to write.
        absent: whether the property may be left out.
        safe_default: whether the cloud's default is allowed: only our components must state it.
    """

    path: str
    allowed: tuple[Any, ...] | Callable[[Any], bool]
    consequence: str
    fix: str
    absent: bool = False
    safe_default: bool = False

    @property
    def rule(self) -> Rule:
        may_miss = self.absent or self.safe_default
        wrong = "another value" if may_miss else "no value, or another one"
        return self.described(f"{wrong} of `{self.path}`: {self.consequence}", self.fix)

    def accepts(self, value: Any) -> bool:
        """Whether ``value`` is allowed; a value that is known only after the deployment is."""
        if value in (UNKNOWN, SECRET):
            return True
        if value is None:
            return self.absent
        if callable(self.allowed):
            try:
                return self.allowed(value)
            except (AttributeError, KeyError, TypeError, ValueError):
                return False  # it has not even the form that the property must have
        if isinstance(value, str) and ignores_case(self.on):
            value = value.casefold()
            return any(isinstance(one, str) and one.casefold() == value for one in self.allowed)
        return any(value == one and type(value) is type(one) for one in self.allowed)


@dataclass(frozen=True, kw_only=True)
class Companion(Row):
    """A resource that is safe only together with another one, which names it.

    Attributes:
        companion: type of the other one.
        by: property of the other one that holds the first one's id or name.
        consequence: what would happen without it.
    """

    companion: str
    by: str
    consequence: str

    @property
    def rule(self) -> Rule:
        return self.described(f"no `{self.companion}` names it: {self.consequence}", self.fix)

    @property
    def fix(self) -> str:
        return f"register a {self.companion} for it"


@dataclass(frozen=True, kw_only=True)
class Reference(Row):
    """A property that names another resource of the graph.

    Attributes:
        path: as in Required.
        to: type of the other resource.
        output: the output of it that the property must have; ``id`` for its id.
    """

    path: str
    to: str
    output: str = "id"

    @property
    def rule(self) -> Rule:
        refuses = (
            "a property that must name a resource of the same stack names another one, or none"
        )
        return self.described(refuses, "pass the output of the resource itself")


@dataclass(frozen=True, kw_only=True)
class Host(Row):
    """A resource that runs a server and waits for its answers.

    Attributes:
        variables: path of the server's environment, a mapping or a list of names and values.
        waits: property with the seconds that it waits for an answer.
        grace: property with the seconds that a stopping server is given.
        limit: how long it waits where that cannot be set.
    """

    variables: str
    waits: str | None = None
    grace: str | None = None
    limit: Limit | None = None

    @property
    def rule(self) -> Rule:
        return self.described(
            "a host ends a call, or a stopping server, before the server's longest tool or its "
            "drain is over",
            "set the host's timeout above the longest tool, and its grace above the drain",
        )


@dataclass(frozen=True, kw_only=True)
class Check:
    """Rules that no row can express.

    Attributes:
        rules: what it finds; each hit names its own.
        types: the types of resources that it judges.
        find: the function.
    """

    rules: tuple[Rule, ...]
    types: tuple[str, ...] = ()
    find: Callable[[ResourceGraph], Iterable[Problem]]

    def hits(self, graph: ResourceGraph) -> Iterator[Hit]:
        """What it finds, each with its resource and its rule."""
        for problem in self.find(graph):
            assert isinstance(problem, Hit), f"{problem} names no resource: use at()"
            yield problem


@dataclass(frozen=True, kw_only=True)
class CloudRules:
    """All rules for one cloud or package: what ``RULES`` of its module is."""

    required: tuple[Required, ...] = ()
    companions: tuple[Companion, ...] = ()
    references: tuple[Reference, ...] = ()
    hosts: tuple[Host, ...] = ()
    checks: tuple[Check, ...] = ()

    def rules(self) -> Iterator[Rule]:
        """The rule of each row, and those of each check."""
        for row in (*self.required, *self.companions, *self.references, *self.hosts):
            yield row.rule
        for check in self.checks:
            yield from check.rules

    def types(self) -> set[str]:
        """The types of resources that a rule judges."""
        rows = (*self.required, *self.companions, *self.references, *self.hosts)
        return {row.on for row in rows} | {each for check in self.checks for each in check.types}


def ignores_case(token: str) -> bool:
    """Whether a type's provider reads enumerations without regard to case, as Azure's does."""
    return token.startswith("azure-native:")


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


def at(  # noqa: PLR0917  (the parts of a sentence, in its order)
    resource: Resource, path: str, what: str, consequence: str, fix: str, rule: str
) -> Hit:
    """A problem of one property, under the resource's logical name."""
    return Hit(
        path=f"{resource.name}.{path}",
        what=f"{what} ({resource.type})",
        consequence=consequence,
        fix=fix,
        urn=resource.urn,
        rule=rule,
    )


def hit(problem: Problem, urn: str, rule: str) -> Hit:
    """A problem that something else found, as a rule's."""
    return Hit(problem.path, problem.what, problem.consequence, problem.fix, urn=urn, rule=rule)
