"""Finds documents inside a resource's properties: as objects, or as JSON in a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from graph.resource_graph import step

_LONGEST: Final = 200_000
"""No cloud takes a policy document of more characters."""


def documents(
    tree: Any, is_document: Callable[[Mapping[str, Any]], bool], mark: str, path: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each document below ``tree`` with its path; what is inside a document is not searched.

    Args:
        is_document: whether a mapping is one.
        mark: a part of each document's text in lower case, so that few texts are parsed.
    """
    match tree:
        case dict():
            mapping = cast("dict[str, Any]", tree)
            if is_document(mapping):
                yield path, mapping
                return
            for key, value in mapping.items():
                yield from documents(value, is_document, mark, step(path, key))
        case list():
            for index, value in enumerate(cast("list[Any]", tree)):
                yield from documents(value, is_document, mark, step(path, index))
        case str() if mark in tree.lower():
            parsed = as_json(tree)
            if parsed is not None:
                yield from documents(parsed, is_document, mark, path)
        case _:
            pass


@lru_cache(maxsize=512)
def as_json(text: str) -> Any:
    """An object or a list that is written as JSON; None where the text is none."""
    if len(text) > _LONGEST or not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def key_of(mapping: Mapping[str, Any], name: str) -> str:
    """The key of ``mapping`` that is ``name`` in its own case, with or without a plural ending."""
    for key in mapping:
        if key.casefold() in (name, f"{name}s"):
            return key
    return name
