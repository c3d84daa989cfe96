"""Applies functions to inputs: immediately if the values are known, else through an Output."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pulumi

T = TypeVar("T")
_PLAIN = (str, bytes, bool, int, float, type(None))


def applied(function: Callable[..., T], *inputs: pulumi.Input[Any]) -> pulumi.Input[T]:
    """``function`` of the inputs' values.

    A plain result where all inputs are plain values, at any depth, so that what is made of them
    can be computed outside a Pulumi program. Otherwise an Output, which runs ``function`` once
    every value is known.
    """
    if any(is_pending(given) for given in inputs):
        return _known(inputs).apply(lambda values: function(*values))
    return function(*inputs)


def json_text(value: Any) -> pulumi.Output[str]:
    """``value`` as JSON, with Outputs at any depth."""
    return _known(value).apply(json.dumps)


def _known(value: Any) -> pulumi.Output[Any]:
    """``value`` once every Output in it is known.

    ``Output.from_input`` makes an Output of each list, mapping and value, which takes a tenth
    of a preview's time in a stack with dashboards. This makes one.
    """
    pending: list[Any] = []

    def place(part: Any) -> Any:
        if isinstance(part, _PLAIN):
            return part
        pending.append(part)
        return _Place(len(pending) - 1)

    shape = _with_parts(value, place)

    def filled(known: Sequence[Any]) -> Any:
        return _with_parts(
            shape, lambda part: known[part.number] if isinstance(part, _Place) else part
        )

    return pulumi.Output.all(*pending).apply(filled)


@dataclass(frozen=True)
class _Place:
    """Where the value of an Output belongs: its number among them."""

    number: int


def _with_parts(value: Any, function: Callable[[Any], Any]) -> Any:
    """A copy of ``value`` with ``function`` of each part that is no mapping, list or tuple."""
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {key: _with_parts(part, function) for key, part in items}
    if isinstance(value, list | tuple):
        parts = [_with_parts(part, function) for part in cast("Sequence[Any]", value)]
        return tuple(parts) if isinstance(value, tuple) else parts
    return function(value)


def is_pending(value: Any) -> bool:
    """Whether an Output or an awaitable is anywhere in ``value``."""
    if isinstance(value, pulumi.Output | Awaitable):
        return True
    if isinstance(value, Mapping):
        return any(map(is_pending, cast("Mapping[Any, Any]", value).values()))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return any(map(is_pending, cast("Sequence[Any]", value)))
    return False
