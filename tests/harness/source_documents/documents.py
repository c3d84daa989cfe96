"""All values of a source document, by the object that they belong to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .blocks import blocks
from .languages import READERS


def values_of(document: str) -> dict[str, dict[str, Any]]:
    """Object to path to value. The second object of a name is called ``name (2)``.

    Raises:
        ValueError: a code block is in a language that has no reader, or cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter()
    for block in blocks(document):
        if block.language not in READERS:
            raise ValueError(f"no reader for {block.language}, the language of {block.title!r}")
        for name, values in READERS[block.language](block.text):
            if not values:
                continue
            title = name or block.title
            if block.language == "text":
                title = f"{title} (text)"
            counts[title] += 1
            found[title if counts[title] == 1 else f"{title} ({counts[title]})"] = values
    return found
