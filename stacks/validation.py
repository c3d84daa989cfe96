"""Reads a stack's configuration and says everything that is wrong with it, at once."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from .config import StackConfig
from .problems import Problem, ProblemReport, nearest
from .rules import broken_rules

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

KEY_PREFIX = "qudag-mcp:"


def validate(raw: Mapping[str, Any]) -> StackConfig:
    """The configuration made of ``raw``: section name to plain value.

    Raises:
        ProblemReport: unknown keys, wrong values and broken rules of every section.
    """
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    known = _fields(StackConfig)
    for key, value in raw.items():
        if key not in known:
            problems.append(_unknown(KEY_PREFIX + key, key, known))
            continue
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(known[key].rebuild_annotation())
            values[key] = adapter.validate_python(value, strict=False)
        except ValidationError as error:
            problems += [
                _problem(detail, key, known[key]) for detail in error.errors(include_url=False)
            ]
    # The rules see the sections that are right; those that are wrong have their defaults there.
    config = StackConfig(**values)
    problems += broken_rules(config, given=set(raw), sound=set(values))
    if problems:
        raise ProblemReport(problems)
    return config


def parse(name: str, text: str) -> Any:
    """A Pulumi config value as the section ``name`` takes it: JSON for whatever is not a word."""
    annotation = (
        StackConfig.model_fields[name].annotation if name in StackConfig.model_fields else None
    )
    if annotation is None or not (_model(annotation) or get_origin(annotation) is dict):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds, through Optional, list and dict."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, list, dict):
        return next(filter(None, map(_model, get_args(annotation))), None)
    return None


def _unknown(path: str, key: str, known: Mapping[str, Any]) -> Problem:
    guess = nearest(key, known)
    return Problem(
        path,
        f"there is no {key!r}",
        "it would have no effect, and nobody would notice",
        f"write {guess}" if guess else f"one of: {', '.join(known)}",
    )


def _problem(detail: ErrorDetails, section: str, field: FieldInfo) -> Problem:
    path = KEY_PREFIX + section
    model = _model(field.annotation)
    for step in detail["loc"]:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        if detail["type"] == "extra_forbidden" and step == detail["loc"][-1] and model:
            return _unknown(f"{path}.{step}", step, _fields(model))
        found = _fields(model).get(step) if model else None
        path += f".{step}"
        if found is not None:
            field, model = found, _model(found.annotation)
    return Problem(
        path,
        f"{_what(detail)} (found {_shown(detail['input'])})",
        _means(field),
        _FIXES.get(detail["type"], _plain_fix)(cast("Mapping[str, Any]", detail.get("ctx", {}))),
    )


def _what(detail: ErrorDetails) -> str:
    message = detail["msg"]
    return message[0].lower() + message[1:]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _means(field: FieldInfo) -> str:
    meaning = field.description or "the platform cannot be described with it"
    return f"it says: {meaning[0].lower()}{meaning[1:].rstrip('.')}"


def _plain_fix(_: Mapping[str, Any]) -> str:
    return "write a value of that form, or leave it out for the default"


_FIXES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "literal_error": lambda ctx: f"write {ctx.get('expected', 'one of the choices')}",
    "greater_than_equal": lambda ctx: f"write a number from {ctx.get('ge')}",
    "less_than_equal": lambda ctx: f"write a number up to {ctx.get('le')}",
    "string_pattern_mismatch": lambda ctx: f"write it in the form {ctx.get('pattern')}",
    "int_parsing": lambda _: "write a whole number, without a unit",
    "int_type": lambda _: "write a whole number, without a unit",
    "bool_parsing": lambda _: "write true or false",
    "list_type": lambda _: "write a list, each entry on a line that starts with '- '",
    "model_type": lambda _: "write the section's keys below it, indented",
    "model_attributes_type": lambda _: "write the section's keys below it, indented",
    "string_type": lambda _: "write text; put it in quotes",
}
