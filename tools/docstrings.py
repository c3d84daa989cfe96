"""Reads the docstrings of dataclasses and components, for documentation and for the schema."""

from __future__ import annotations

import re
import textwrap
from typing import Any


def documented(cls: type[Any]) -> dict[str, str]:
    """The entries of ``Attributes:`` in a class's docstring and in those of its bases, by name.

    An entry ``a, b: text`` documents both names.
    """
    meanings: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        meanings |= _own(each.__dict__.get("__doc__") or "")
    return meanings


def _own(docstring: str) -> dict[str, str]:
    _, _, section = textwrap.dedent("    " + docstring).partition("Attributes:\n")
    meanings: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", textwrap.dedent(section).strip()):
        names, _, text = entry.partition(": ")
        meaning = " ".join(text.split()).replace("``", "`")
        meanings |= {name.strip(): meaning for name in names.split(",")}
    return meanings
