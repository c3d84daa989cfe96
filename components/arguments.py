"""Turns the plain mapping that other Pulumi languages hand over into a component's dataclass."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeGuard, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from .problems import Problem, ProblemReport, nearest

T = TypeVar("T")


def from_mapping(cls: type[T], given: Mapping[str, Any], *, at: str) -> T:
    """``cls`` filled from ``given``, whose keys are camelCase or snake_case.

    Raises:
        ProblemReport: every unknown key (with the nearest field), missing field and value outside
            an enumeration, each under its path below ``at``.
    """
    problems: list[Problem] = []
    made = _build(cls, given, at, problems)
    if problems:
        raise ProblemReport(problems)
    return cast("T", made)


def camel(name: str) -> str:
    """``longest_tool`` as other languages write it: ``longestTool``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _build(cls: type[Any], given: Mapping[str, Any], at: str, problems: list[Problem]) -> Any:
    known = {spelling: f.name for f in fields(cls) for spelling in (f.name, camel(f.name))}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key in known:
            hint = _hints(cls)[known[key]]
            values[known[key]] = _convert(hint, value, f"{at}.{key}", problems)
            continue
        guess = nearest(key, (camel(f.name) for f in fields(cls)))
        problems.append(
            Problem(
                f"{at}.{key}",
                f"{cls.__name__} has no field {key!r}",
                "the value would be ignored without a word",
                f"write {guess}"
                if guess
                else f"one of {', '.join(camel(f.name) for f in fields(cls))}",
            )
        )
    missing = [f.name for f in fields(cls) if _required(f) and f.name not in values]
    problems += [
        Problem(
            f"{at}.{camel(n)}", "is missing", f"{cls.__name__} cannot be made", f"set {camel(n)}"
        )
        for n in missing
    ]
    return None if problems else cls(**values)


def _convert(hint: Any, value: Any, at: str, problems: list[Problem]) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        shaped = [h for h in inner if is_dataclass(h) or get_origin(h) or _is_enum(h)]
        return _convert(shaped[0], value, at, problems) if shaped and value is not None else value
    if _is_enum(hint) and isinstance(value, str):
        return _member(hint, value, at, problems)
    if is_dataclass(hint) and isinstance(value, Mapping):
        return _build(cast("type[Any]", hint), cast("Mapping[str, Any]", value), at, problems)
    if origin in (Sequence, list, tuple) and isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        return tuple(_convert(inner[0], v, f"{at}[{i}]", problems) for i, v in enumerate(items))
    if origin in (Mapping, dict) and isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        return {k: _convert(inner[1], v, f"{at}.{k}", problems) for k, v in pairs.items()}
    return value


def _is_enum(hint: Any) -> TypeGuard[type[Enum]]:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _member(hint: type[Enum], value: str, at: str, problems: list[Problem]) -> Any:
    try:
        return hint(value)
    except ValueError:
        choices = [str(m.value) for m in hint]
        guess = nearest(value, choices)
        problems.append(
            Problem(
                at,
                f"{value!r} is not a {hint.__name__}",
                "there is nothing to build for it",
                f"write {guess}" if guess else f"one of {', '.join(choices)}",
            )
        )
        return value
