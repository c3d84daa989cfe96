"""Turns the plain mapping that other Pulumi languages hand over into a component's dataclass."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import (
    Any,
    Final,
    Literal,
    TypeGuard,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import pulumi

from .problems import Problem, ProblemReport, nearest

T = TypeVar("T")

_LISTS: Final = (Sequence, list, tuple)
_MAPPINGS: Final = (Mapping, dict)
TAG: Final = "type"
"""Field that tells the dataclasses of a union apart."""

_WORDS: Final[Mapping[Any, str]] = {str: "text", int: "a whole number", bool: "true or false"}


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
    # pulumi.Input names Output[T] in a string, which only pulumi's own modules can resolve.
    return get_type_hints(cls, localns={"Output": pulumi.Output, "T": Any})


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
    if problems:
        return None
    try:
        return cls(**values)
    except ProblemReport as report:
        problems += [replace(problem, path=f"{at}.{problem.path}") for problem in report.problems]
        return None


def _convert(hint: Any, value: Any, at: str, problems: list[Problem]) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(value, float) and value.is_integer() and int in (hint, *inner):
        value = int(value)  # from another language every number comes as a float
    if origin in (Union, types.UnionType):
        return _of_union(inner, value, at, problems)
    if choices := _choices(hint, origin, inner):
        return _choice(choices, value, at, problems)
    if is_dataclass(hint) and isinstance(value, Mapping):
        return _build(cast("type[Any]", hint), cast("Mapping[str, Any]", value), at, problems)
    if origin in _LISTS and isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        return tuple(_convert(inner[0], v, f"{at}[{i}]", problems) for i, v in enumerate(items))
    if origin in _MAPPINGS and isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        return {k: _convert(inner[1], v, f"{at}.{k}", problems) for k, v in pairs.items()}
    if (expected := _expected(hint, origin)) and not isinstance(value, expected[0]):
        what = f"{value!r} is not {expected[1]}"
        problems.append(Problem(at, what, "nothing can be made of it", f"write {expected[1]}"))
    return value


def _of_union(hints: tuple[Any, ...], value: Any, at: str, problems: list[Problem]) -> Any:
    if (kinds := _kinds(hints)) and isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        kind = _choice({name: name for name in kinds}, pairs.get(TAG), f"{at}.{TAG}", problems)
        return _convert(kinds[kind], pairs, at, problems) if kind in kinds else None
    shaped = [hint for hint in hints if is_dataclass(hint) or get_origin(hint) or _is_enum(hint)]
    return _convert(shaped[0], value, at, problems) if shaped and value is not None else value


def _kinds(hints: tuple[Any, ...]) -> dict[str, Any]:
    """Dataclasses of a union by the literal that each has as its ``TAG``; empty for one alone."""
    classes = [hint for hint in hints if is_dataclass(hint)]
    if len(classes) < 2:
        return {}
    return {get_args(_hints(cast("type[Any]", each))[TAG])[0]: each for each in classes}


def _expected(hint: Any, origin: Any) -> tuple[Any, str] | None:
    """The class that a value of this hint must have, in words; None where any may do."""
    if origin in _LISTS:
        return tuple, "a list"
    if origin in _MAPPINGS or is_dataclass(hint):
        return (Mapping if origin else hint), "a mapping"
    return (hint, _WORDS[hint]) if hint in _WORDS else None


def _choices(hint: Any, origin: Any, inner: tuple[Any, ...]) -> dict[Any, Any]:
    """What may be written for this hint, and what is meant by it; empty where anything may."""
    if origin is Literal:
        return {choice: choice for choice in inner}
    if _is_enum(hint):
        return {written: member for member in hint for written in (member.value, member)}
    return {}


def _is_enum(hint: Any) -> TypeGuard[type[Enum]]:
    return isinstance(hint, type) and issubclass(hint, Enum)


def _choice(choices: Mapping[Any, Any], value: Any, at: str, problems: list[Problem]) -> Any:
    for choice, meant in choices.items():
        if choice == value:
            return meant
    names = [str(choice) for choice in choices if not isinstance(choice, Enum)]
    guess = nearest(str(value), names)
    problems.append(
        Problem(
            at,
            f"{value!r} is none of {', '.join(names)}",
            "nothing can be made of it",
            f"write {guess}" if guess else f"write one of {', '.join(names)}",
        )
    )
    return value
