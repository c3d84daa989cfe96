"""Answers comparisons, loops and lengths of unknown values, so that a program can go on.

A preview without a cloud cannot know which branch a program takes. It shows one, and lists the
assumption.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .. import functions
from ..functions import UnknownText, UnknownValue, placeholder, refuse

Note = Callable[[str, str], None]
"""Takes a subject, and what the preview assumes of it."""

_TEXT: Final = {
    "capitalize", "casefold", "center", "expandtabs", "format", "format_map", "ljust", "lower",
    "lstrip", "removeprefix", "removesuffix", "replace", "rjust", "rstrip", "strip", "swapcase",
    "title", "translate", "upper", "zfill",
}  # fmt: skip
"""Methods of a text that give a text."""

_TEXTS: Final = {"split", "rsplit", "splitlines"}
_NUMBERS: Final = {
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__",
    "__floordiv__", "__mod__", "__neg__", "__abs__",
}  # fmt: skip
_COMPARED: Final = "the program compares it: the preview takes it for another value"
_LOOPED: Final = "the program loops over it: the preview shows one pass"
_ASSUMED: Final[Mapping[str, tuple[str, Any]]] = {
    "__eq__": (_COMPARED, False),
    "__ne__": (_COMPARED, True),
    "__lt__": (_COMPARED, False),
    "__le__": (_COMPARED, False),
    "__gt__": (_COMPARED, False),
    "__ge__": (_COMPARED, False),
    "__contains__": (_COMPARED, False),
    "__bool__": ("the program depends on it: the preview takes it for true", True),
    "__len__": ("the program counts it: the preview takes it for one item", 1),
}
"""By method: what the preview says, and the result."""


def install(note: Note) -> None:
    """Answers operations on unknown values in this process; passes each assumption to ``note``."""

    def answer(value: Any, method: str, use: str, given: tuple[Any, ...]) -> Any:
        return _answer(value, method, use, given, note)

    functions.assume(answer)
    _make_hashable()
    encoder: Any = json.JSONEncoder
    plain = encoder.default

    def default(self: Any, value: Any) -> Any:
        # The encoder asks for the type itself, which is not the one that the value states.
        return str(value) if type(value) is UnknownValue else plain(self, value)

    encoder.default = default


def _make_hashable() -> None:
    """An unknown text as a key of a mapping: the key is its placeholder."""
    UnknownText.__hash__ = str.__hash__


def _answer(value: Any, method: str, use: str, given: tuple[Any, ...], note: Note) -> Any:
    subject = f"{value.__dict__['function']} {value.__dict__['path']}"

    def assumed(what: str, result: Any) -> Any:
        note(subject, what)
        return result

    if any(one is value for one in given) and method in ("__eq__", "__ne__"):
        return method == "__eq__"
    if method in _ASSUMED:
        return assumed(*_ASSUMED[method])
    if method == "__iter__":
        return assumed(_LOOPED, _once(value))
    if method == "__getitem__":
        return _item(value, given[0])
    answer = _of_text if type(value) is UnknownText else _of_value
    return answer(value, method, use, given, assumed)


def _once(value: Any) -> Iterator[Any]:
    if value.__dict__.get("declared") is dict:
        return iter([UnknownText(value.__dict__["function"], f"{value.__dict__['path']}.key")])
    return iter([_item(value, 0)])


def _item(value: Any, key: Any) -> Any:
    function, path = value.__dict__["function"], value.__dict__["path"]
    if isinstance(key, slice):
        return value
    if type(value) is UnknownText:
        return UnknownText(function, path)
    hint = value.__dict__["item"]
    # The text of a placeholder has neither spaces nor brackets in its path.
    step = re.sub(r"[\s\[\]]", "", f"{path}.{key}")
    return placeholder(function, step, str if hint is object else hint)


def _of_text(
    value: Any, method: str, use: str, given: tuple[Any, ...], assumed: Callable[[str, Any], Any]
) -> Any:
    function, path = value.function, value.path
    if method in _TEXT:
        return UnknownText(function, path)
    if method in _TEXTS:
        return UnknownValue(function, path, list, str)
    if method in ("partition", "rpartition"):
        return tuple(UnknownText(function, path) for _ in range(3))
    if method in ("startswith", "endswith") or method.startswith("is"):
        return assumed(_COMPARED, False)
    return refuse(value, method, use, given)


def _get(value: Any) -> Callable[..., Any]:
    def get(key: Any, _default: Any = None) -> Any:
        return _item(value, key)

    return get


def _of_value(
    value: Any, method: str, use: str, given: tuple[Any, ...], assumed: Callable[[str, Any], Any]
) -> Any:
    state = value.__dict__
    if state["declared"] is dict:
        key = UnknownText(state["function"], f"{state['path']}.key")
        item = placeholder(
            state["function"], f"{state['path']}.value",
            str if state["item"] is object else state["item"],
        )  # fmt: skip
        one = {"items": [(key, item)], "keys": [key], "values": [item]}
        if method in one:
            return lambda: assumed(_LOOPED, one[method])
        if method == "get":
            return _get(value)
        if method == "copy":
            return lambda: value
        return _item(value, method)  # a result without a declared type: its properties
    if state["declared"] in (int, float) and method in _NUMBERS:
        return UnknownValue(state["function"], state["path"], state["declared"])
    return refuse(value, method, use, given)
