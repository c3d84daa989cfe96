"""Replaces ``Output.apply``: functions on unknown values do not run, as in an engine's preview.

The id of a new resource is a placeholder, so that a preview shows references between resources. An
encrypted configuration value is the text ``[secret]``. If a function raises an error on such a
value, its result is unknown.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.output import UNKNOWN, Unknown

from ..failures import places
from ..functions import UnknownValue
from ..resource_graph import SECRET
from .assumptions import Note


def install(placeholder_ids: Collection[str], note: Note, root: Path) -> None:
    """Replaces ``Output.apply`` in this process.

    Args:
        placeholder_ids: placeholder ids of this preview.
        root: the folder of the program.
    """
    output: Any = pulumi.Output
    plain = output.apply

    def apply(self: Any, func: Any, run_with_unknowns: bool = False) -> Any:
        if run_with_unknowns:
            return plain(self, func, run_with_unknowns)

        @functools.wraps(func, updated=())
        def run(value: Any) -> Any:
            if isinstance(value, Unknown) and type(value) is not UnknownValue:
                return pulumi.Output.from_input(UNKNOWN)
            try:
                return func(value)
            except Exception as error:
                if _holds(value, (SECRET,)):
                    return pulumi.Output.secret(SECRET)
                if not _holds(value, placeholder_ids):
                    raise
                place = next(places(error, root), "")
                said = type(error).__name__
                if _is_open(self):  # an error can quote the value
                    said += f": {str(error).partition(chr(10))[0]}"
                note(
                    f"{place} apply".strip(),
                    "this function needs an id that only a deployment knows, and fails with its "
                    f"stand-in ({said}): its result is [unknown]",
                )
                return pulumi.Output.from_input(UNKNOWN)

        return plain(self, run)

    output.apply = apply


def _is_open(output: Any) -> bool:
    """Whether an output whose value is known is not secret."""
    state = cast("dict[str, Any]", vars(output))  # of old SDKs three futures, of new ones one
    found = state.get("_data", state.get("_is_secret"))
    if not isinstance(found, asyncio.Future) or not cast("asyncio.Future[Any]", found).done():
        return False
    result = cast("asyncio.Future[Any]", found).result()
    return not getattr(result, "is_secret", result)


def _holds(value: Any, wanted: Collection[str]) -> bool:
    """Whether the values contain a placeholder id, also as a part of a text."""
    if isinstance(value, str):
        return value in wanted
    if isinstance(value, Mapping):
        return any(_holds(each, wanted) for each in cast("Mapping[str, Any]", value).values())
    if isinstance(value, list | tuple):
        return any(_holds(each, wanted) for each in cast("list[Any]", value))
    return False
