"""Validates a stack's configuration and reports all of its problems at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from components.base.problems import Problem, ProblemReport

from ..rules.platform import broken_rules
from .error_messages import KEY_PREFIX, dotted, guess, is_word, worded
from .stack import StackConfig

__all__ = ["KEY_PREFIX", "parse", "validate"]

Steps = tuple[int | str, ...]


def validate(
    raw: Mapping[str, Any], *, stack: str | None = None, found: Iterable[Problem] = ()
) -> StackConfig:
    """The configuration made of ``raw``: section name to plain value.

    Args:
        raw: what was written, without the prefix ``qudag-mcp:``.
        stack: the stack's name, where there is one.
        found: what is already known to be wrong; its sections are not in ``raw``.

    Raises:
        ProblemReport: unknown keys, wrong values and broken rules of every section.
    """
    problems = list(found)
    wrong = {problem.path for problem in problems}
    sound = copy.deepcopy(dict(raw))
    first = True
    while True:
        try:
            config = StackConfig.model_validate(sound)
            break
        except ValidationError as error:
            details = error.errors(include_url=False)
        unknown = [detail["loc"] for detail in details if detail["type"] == "extra_forbidden"]
        misspelt = {dotted(meant) for steps in unknown if (meant := guess(steps))}
        wrong |= misspelt
        for detail in details:
            steps = detail["loc"]
            path = dotted(steps)
            wrong.add(path)
            # A second round finds only what cutting the first round's findings has left behind.
            if first and not (detail["type"] == "missing" and path in misspelt):
                problems.append(worded(detail))
            _cut(sound, steps, missing=detail["type"] == "missing")
        first = False
    problems += broken_rules(config, wrong=wrong, stack=stack)
    if problems:
        raise ProblemReport(problems)
    return config


def parse(name: str, text: str) -> Any:
    """A Pulumi config value as the section ``name`` takes it: objects and lists are JSON."""
    if is_word(name) and not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _cut(value: Any, steps: Steps, *, missing: bool) -> None:
    """Removes what ``steps`` lead to, or the whole list or section that it stands in."""
    # A mapping's own wrong key is told as (…, key, "[key]"); a person may have written that, too.
    *way, last = list(steps)
    if way and last == "[key]":
        last = way.pop()
    if missing:  # nothing is there to be removed: without it the section cannot be
        *way, last = way
    for step in way:
        if step not in value:
            return
        inner = value[step]
        if isinstance(inner, list):
            last = step
            break
        value = inner
    value.pop(last, None)
