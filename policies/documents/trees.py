"""Finds documents inside a resource's properties: as objects, or as JSON in a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from graph.resource_graph import step

_LONGEST: Final = 10_000_000
"""Characters. Providers remove white space and repeated keys; padding stops no document."""


def documents(
    tree: Any, is_document: Callable[[Mapping[str, Any]], bool], mark: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each document below ``tree`` with its path; what is inside a document is not searched.

    Args:
        is_document: whether a mapping is one.
        mark: text that every such document contains; a text without it is not parsed.
    """
    for keys, document in _search(tree, is_document, mark, ()):
        path = ""
        for key in keys:
            path = step(path, key)
        yield path, document


def _search(
    tree: Any,
    is_document: Callable[[Mapping[str, Any]], bool],
    mark: str,
    keys: tuple[str | int, ...],
) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    if isinstance(tree, str):
        parsed = as_json(tree) if mark in tree else None
        if parsed is not None:
            yield from _search(parsed, is_document, mark, keys)
    elif isinstance(tree, dict):
        mapping = cast("dict[str, Any]", tree)
        if is_document(mapping):
            yield keys, mapping
            return
        for key, value in mapping.items():
            if isinstance(value, str | dict | list):
                yield from _search(value, is_document, mark, (*keys, key))
    elif isinstance(tree, list):
        for index, value in enumerate(cast("list[Any]", tree)):
            if isinstance(value, str | dict | list):
                yield from _search(value, is_document, mark, (*keys, index))


@lru_cache(maxsize=512)
def as_json(text: str) -> Any:
    """An object or a list that is written as JSON; None where the text is not JSON."""
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
