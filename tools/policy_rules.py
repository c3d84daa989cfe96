"""The generated part of ``docs/policies.md``: one heading a rule."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from components.clouds import CLOUDS
from policies import every_rule
from policies.rule import Rule
from policies.rules import RULES

_TITLES: Final = {
    **{cloud.key: cloud.title for cloud in CLOUDS},
    "k8s": "Kubernetes",
    "any": "Any resource",
}


def rules_text() -> str:
    """Every rule with its severity, its reference, what it refuses and the fix."""
    types = _types()
    lines: list[str] = []
    for cloud, rules in groupby(every_rule().values(), key=lambda rule: rule.id.partition("-")[0]):
        lines += [f"## {_TITLES.get(cloud, cloud)}", ""]
        lines += [line for rule in rules for line in _section(rule, types.get(rule.id, []))]
    return "\n".join(lines)


def _section(rule: Rule, types: list[str]) -> Iterator[str]:
    house = ". House rule: for resources of the components" if rule.house else ""
    yield from (f"### {rule.id}", "")
    yield from (f"**{rule.severity}**. {_linked(rule.reference)}{house}.", "")
    yield f"- Refuses: {_plain(rule.refuses)}."
    yield f"- Fix: {_plain(rule.fix)}."
    if types:
        yield f"- Types: {', '.join(f'`{each}`' for each in types)}."
    yield ""


def _types() -> dict[str, list[str]]:
    """The types of resources that each row is for, by the rule's id."""
    found: dict[str, list[str]] = {}
    for rules in RULES.values():
        for row in (*rules.required, *rules.companions, *rules.references, *rules.hosts):
            named = found.setdefault(row.id, [])
            if row.on not in named:
                named.append(row.on)
    return found


def _linked(reference: str) -> str:
    return f"[Reference]({reference})" if reference.startswith("https://") else _plain(reference)


def _plain(text: str) -> str:
    """Text in which only code in single backquotes is markup."""
    parts = text.split("`")
    for number in range(0, len(parts), 2):
        for sign in "\\*_[]<>|":
            parts[number] = parts[number].replace(sign, f"\\{sign}")
    return "`".join(parts)
