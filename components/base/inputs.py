"""Applies functions to inputs: immediately if the values are known, else through an Output."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import pulumi

T = TypeVar("T")


def applied(function: Callable[..., T], *inputs: pulumi.Input[Any]) -> pulumi.Input[T]:
    """``function`` of the inputs' values.

    A plain result where all inputs are plain values, at any depth, so that what is made of them
    can be computed outside a Pulumi program. Otherwise an Output, which runs ``function`` once
    every value is known.
    """
    if any(is_pending(given) for given in inputs):
        return pulumi.Output.all(*inputs).apply(lambda values: function(*values))
    return function(*inputs)


def is_pending(value: Any) -> bool:
    """Whether an Output or an awaitable is anywhere in ``value``."""
    if isinstance(value, pulumi.Output | Awaitable):
        return True
    if isinstance(value, Mapping):
        return any(map(is_pending, cast("Mapping[Any, Any]", value).values()))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return any(map(is_pending, cast("Sequence[Any]", value)))
    return False
