"""The two kinds of rules about resources: rows of data, and functions on a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from components.base.limits import Limit
from components.base.problems import Problem
from graph.resource_graph import SECRET, UNKNOWN, Resource, ResourceGraph

from .finding import Severity


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The id, severity and texts of a rule, as findings and ``docs/policies.md`` show them.

    Attributes:
        id: ``<cloud>-<service>-<number>``, never reused: see ``tests/policies/rule_ids.txt``.
        reference: address of the document that says so, or a control of a benchmark.
        refuses: what the rule refuses, in one sentence.
        fix: what to write instead.
        house: whether it applies only to resources that our own components create.
        in_clear: whether it refuses secrets that are not marked as such: one that is marked keeps
            the rule.
    """

    id: str
    severity: Severity
    reference: str
    refuses: str
    fix: str
    house: bool = False
    in_clear: bool = False


@dataclass(frozen=True, kw_only=True)
class Hit(Problem):
    """A problem that a rule finds.

    Attributes:
        urn: the resource that breaks the rule.
        rule: id of the rule.
        house: whether it is a finding only for resources that our own components create.
    """

    urn: str
    rule: str
    house: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """The fields that every kind of row has. Rows that share an id are one rule.

    Attributes:
        id, severity, reference, house, in_clear: as in Rule.
        on: type of the resource.
    """

    id: str
    severity: Severity
    reference: str
    house: bool = False
    in_clear: bool = False
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
            in_clear=self.in_clear,
        )


@dataclass(frozen=True, kw_only=True)
class Required(Row):
    """A property that must have an allowed value.

    Attributes:
        path: dots lead inside, ``[*]`` stands for each item of a list.
        allowed: the allowed values; or a function that returns whether a value is allowed.
        consequence: what would happen otherwise.
        fix: what to write.
        absent: whether the property may be left out.
        safe_default: whether the cloud's default is allowed. Then a missing value is a finding only
            for resources that our own components create.
        unless: property with which the row says nothing, such as that of a replica, which has no
            backups of its own.
    """

    path: str
    allowed: tuple[Any, ...] | Callable[[Any], bool]
    consequence: str
    fix: str
    absent: bool = False
    safe_default: bool = False
    unless: str | None = None

    @property
    def rule(self) -> Rule:
        may_miss = self.absent or self.safe_default
        missing = "" if may_miss else " missing, or"
        but = f", unless `{self.unless}` is set" if self.unless else ""
        wrong = f"{missing} with a value that is not allowed{but}"
        refuses = f"`{self.path}`{wrong}: {self.consequence}"
        return self.described(refuses, self.fix)

    def accepts(self, value: Any) -> bool:
        """Whether ``value`` is allowed. Secret and unknown values are accepted unread."""
        if value in (UNKNOWN, SECRET):
            return True
        if value is None:
            return self.absent
        if callable(self.allowed):
            try:
                return self.allowed(value)
            except (AttributeError, KeyError, TypeError, ValueError):
                return False  # a value of the wrong type
        if isinstance(value, str) and ignores_case(self.on):
            value = value.casefold()
            return any(isinstance(one, str) and one.casefold() == value for one in self.allowed)
        return any(value == one and type(value) is type(one) for one in self.allowed)


@dataclass(frozen=True, kw_only=True)
class Companion(Row):
    """A type of resources that needs a second resource, which refers to the first one.

    Attributes:
        companion: type of the second resource.
        by: property of the second resource that holds the id or name of the first one.
        consequence: what would happen without the second resource.
    """

    companion: str
    by: str
    consequence: str

    @property
    def rule(self) -> Rule:
        refuses = f"a resource that no `{self.companion}` refers to: {self.consequence}"
        return self.described(refuses, self.fix)

    @property
    def fix(self) -> str:
        return f"register {'an' if self.companion[0] == 'a' else 'a'} {self.companion} for it"


@dataclass(frozen=True, kw_only=True)
class Reference(Row):
    """A property that must be the output of another resource in the graph.

    Attributes:
        path: as in Required.
        to: type of the other resource.
        output: name of that resource's output; ``id`` for its id.
    """

    path: str
    to: str
    output: str = "id"

    @property
    def rule(self) -> Rule:
        refuses = "a property that must be the output of a resource in the same stack, and is not"
        return self.described(refuses, "pass the output of that resource")


def references(id: str, rows: Iterable[tuple[str, str, str, str]]) -> tuple[Reference, ...]:
    """The references of a cloud's components, under one rule.

    Args:
        rows: type, path, type of the other resource, and its output.
    """
    return tuple(
        Reference(
            id=id,
            severity=Severity.MEDIUM,
            reference="https://www.pulumi.com/docs/iac/concepts/inputs-outputs/",
            house=True,
            on=on,
            path=path,
            to=to,
            output=output,
        )
        for on, path, to, output in rows
    )


@dataclass(frozen=True, kw_only=True)
class Host(Row):
    """A type of resources that run a server, and end calls that take too long.

    Attributes:
        variables: path of the server's environment, a mapping or a list of names and values.
        waits: property with the timeout of a call, in seconds.
        grace: property with the time between the stop signal and the kill, in seconds.
        limit: the timeout of a call where no property sets it.
    """

    variables: str
    waits: str | None = None
    grace: str | None = None
    limit: Limit | None = None

    @property
    def rule(self) -> Rule:
        return self.described(
            "a host that ends a call before the server's longest tool call is over, or a stopping "
            "server before its drain is over",
            "make the host's timeout longer than the longest tool call, and its grace period "
            "longer than the drain",
        )


@dataclass(frozen=True, kw_only=True)
class Check:
    """Rules that no row can express.

    Attributes:
        rules: the rules whose violations it finds; each hit has the id of one of them.
        types: the types of resources that it reads.
        find: returns the hits in a graph.
    """

    rules: tuple[Rule, ...]
    types: tuple[str, ...] = ()
    find: Callable[[ResourceGraph], Iterable[Problem]]

    def hits(self, graph: ResourceGraph) -> Iterator[Hit]:
        """The hits in a graph, each with its resource and its rule."""
        for problem in self.find(graph):
            assert isinstance(problem, Hit), f"{problem} names no resource: use at()"
            yield problem


@dataclass(frozen=True, kw_only=True)
class CloudRules:
    """All rules for one cloud or package: the type of ``RULES`` in each module of rules."""

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
        """The types of resources that at least one rule reads."""
        rows = (*self.required, *self.companions, *self.references, *self.hosts)
        return {row.on for row in rows} | {each for check in self.checks for each in check.types}


def ignores_case(token: str) -> bool:
    """Whether a type's provider reads enumerations without regard to case, as Azure's does."""
    return token.startswith("azure-native:")


def present(value: Any) -> bool:
    """Whether a value is set and not empty."""
    return bool(value)


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
    """A problem from another check, as a hit of a rule."""
    return Hit(problem.path, problem.what, problem.consequence, problem.fix, urn=urn, rule=rule)
