"""Applies functions to inputs: immediately if the values are known, else through an Output."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
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
    _collect(value, pending)
    return pulumi.Output.all(*pending).apply(lambda known: _filled(value, iter(known)))


def _collect(value: Any, pending: list[Any]) -> None:
    """Appends what is not a plain value, in the order in which ``_filled`` asks for it."""
    if isinstance(value, Mapping):
        for one in cast("Mapping[Any, Any]", value).values():
            _collect(one, pending)
    elif isinstance(value, list | tuple):
        for one in cast("Sequence[Any]", value):
            _collect(one, pending)
    elif not isinstance(value, _PLAIN):
        pending.append(value)


def _filled(value: Any, known: Iterator[Any]) -> Any:
    """``value`` with the next of ``known`` for each part that ``_collect`` found."""
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {key: _filled(one, known) for key, one in items}
    if isinstance(value, list | tuple):
        filled = [_filled(one, known) for one in cast("Sequence[Any]", value)]
        return tuple(filled) if isinstance(value, tuple) else filled
    return value if isinstance(value, _PLAIN) else next(known)


def is_pending(value: Any) -> bool:
    """Whether an Output or an awaitable is anywhere in ``value``."""
    if isinstance(value, pulumi.Output | Awaitable):
        return True
    if isinstance(value, Mapping):
        return any(map(is_pending, cast("Mapping[Any, Any]", value).values()))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return any(map(is_pending, cast("Sequence[Any]", value)))
    return False
