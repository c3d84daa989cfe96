"""Finds documents inside a resource's properties: as objects, or as JSON or YAML in a text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from graph.resource_graph import UNKNOWN, step

LONGEST: Final = 10_000_000
"""Characters. Providers remove white space and repeated keys; padding stops no document."""

_YAML: Final = re.compile(
    r"^[ \t-]*[\"']?(AWSTemplateFormatVersion|Resources|[Ss]tatements?|Effect)[\"']?[ \t]*:",
    re.MULTILINE,
)
"""Lines of templates and policy documents in YAML."""

_QUOTED: Final = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_ANCHOR: Final = re.compile(r"(^|[\s\[{,])[&*][A-Za-z0-9_]", re.MULTILINE)
"""Of a value that is repeated by reference, which makes a small text a very large document."""


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
        parsed = document_in(tree) if mark in tree else None
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


def document_in(text: str) -> Any:
    """A mapping or a list that is written as JSON, or as YAML of CloudFormation; else None."""
    return _read(text)[0]


def is_unread(text: str) -> bool:
    """Whether a text is, or may be, a document that is not read."""
    return _read(text)[1]


@lru_cache(maxsize=512)
def _read(text: str) -> tuple[Any, bool]:
    """The document in a text, and whether it is one that is not read."""
    if len(text) > LONGEST:
        return None, True
    if text.lstrip().startswith(("{", "[")):
        try:
            return json.loads(text), False
        except RecursionError:
            return None, True
        except ValueError:
            pass
    if "\n" in text and _YAML.search(text):
        return _yaml(text)
    return None, False


def _yaml(text: str) -> tuple[Any, bool]:
    import yaml  # few programs have such a text

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("TemplateLoader", (base,), {})
    loader.add_multi_constructor("!", _function)
    reader: Any = yaml
    try:
        if _ANCHOR.search(_QUOTED.sub("", text)):
            return None, reader.compose(text, loader) is not None
        read: Any = reader.load(text, loader)
    except RecursionError:
        return None, True
    except (yaml.YAMLError, ValueError):
        return None, False
    return (cast("Any", read) if isinstance(read, dict | list) else None), False


def _function(loader: Any, suffix: str, node: Any) -> Any:
    return loader.construct_scalar(node) if suffix == "Sub" and node.id == "scalar" else UNKNOWN


def key_of(mapping: Mapping[str, Any], name: str) -> str:
    """The key of ``mapping`` that is ``name`` in its own case, with or without a plural ending."""
    for key in mapping:
        if key.casefold() in (name, f"{name}s"):
            return key
    return name
