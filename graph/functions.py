"""Placeholders for results of provider functions (``aws.get_caller_identity()``).

The output form of a function (``get_x_output``) returns an unknown output. The plain form
(``get_x``) returns placeholders. A placeholder in a property is recorded as ``[unknown]``. Where a
program needs the value (an index, a comparison, a resource's name), ``ValueNeeded`` ends it, unless
``assume`` has set a function that answers.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from pulumi import _types  # pyright: ignore[reportPrivateUsage]  (what generated SDKs are read by)
from pulumi.output import Unknown

from .failures import ValueNeeded
from .wire import placeholder_text


class UnknownText(str):
    """A text that is not known: it can be passed on and formatted, nothing else."""

    def __new__(cls, function: str, path: str) -> UnknownText:
        made = super().__new__(cls, placeholder_text(function, path))
        made.function, made.path = function, path
        return made

    function: str
    path: str


class UnknownValue(Unknown):
    """A number, boolean, list or mapping that is not known: it can be passed on and formatted.

    ``isinstance`` takes it for the declared type, because generated SDKs check their results. The
    SDK itself, which serializes it, sees a container with one placeholder.
    """

    def __init__(self, function: str, path: str, declared: type[Any], item: Any = object) -> None:
        super().__init__()
        self.__dict__ |= {"function": function, "path": path, "declared": declared, "item": item}

    __class__ = property(lambda self: self.__dict__["declared"])  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __str__(self) -> str:
        return placeholder_text(self.__dict__["function"], self.__dict__["path"])

    __repr__ = __str__

    def __format__(self, _: str) -> str:
        return str(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not _asked_by_sdk():
            return _answer(self, name, f"`.{name}`")
        return getattr(_container(self), name)

    def __iter__(self) -> Iterator[Any]:
        if _asked_by_sdk():
            return iter(_container(self))
        return _answer(self, "__iter__", "a loop")


def _container(value: UnknownValue) -> Any:
    """What the SDK serializes: recorded as ``[unknown]`` as a whole."""
    text = placeholder_text(value.__dict__["function"], value.__dict__["path"], whole=True)
    return {text: text} if value.__dict__["declared"] is dict else [text]


def _asked_by_sdk() -> bool:
    """Whether the code that reads the value is Pulumi's SDK or a generated one."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package.startswith("pulumi") and package != "pulumi_qudag_mcp"


Answer = Callable[[Any, str, str, tuple[Any, ...]], Any]
"""The result of a method of an unknown value: the value, the method, its use, its arguments."""


def refuse(value: Any, _method: str, use: str, _given: tuple[Any, ...]) -> Any:
    """Stops the program."""
    raise ValueNeeded(value.__dict__["function"], value.__dict__["path"], use)


_ANSWER: list[Answer] = [refuse]


def assume(answer: Answer) -> None:
    """Lets ``answer`` give the result of operations on unknown values, in this process."""
    _ANSWER[0] = answer


def _answer(value: UnknownText | UnknownValue, method: str, use: str, *given: Any) -> Any:
    return _ANSWER[0](value, method, use, given)


_USES: Final = {
    "__bool__": "a condition",
    "__contains__": "`in`",
    "__eq__": "a comparison",
    "__float__": "a number",
    "__ge__": "a comparison",
    "__getitem__": "an index",
    "__gt__": "a comparison",
    "__index__": "an index",
    "__int__": "a number",
    "__le__": "a comparison",
    "__len__": "`len()`",
    "__lt__": "a comparison",
    "__mul__": "arithmetic",
    "__ne__": "a comparison",
    "__rmul__": "arithmetic",
    "__add__": "arithmetic",
    "__sub__": "arithmetic",
}
_ALLOWED_TEXT: Final = {"__add__", "__mul__", "__rmul__", "__sub__"}
_ANSWERS: Final = {"__bool__": True, "__len__": 1, "__eq__": False, "__ne__": True}


def _refusing(kind: type[Any], method: str, use: str) -> Any:
    own = getattr(kind, method, None) if kind is UnknownText else None

    def use_of(self: Any, *given: Any) -> Any:
        if (own or method in _ANSWERS) and _asked_by_sdk():
            return own(self, *given) if own else _ANSWERS[method]
        return _answer(self, method, use, *given)

    return use_of


def _close(kind: type[Any], uses: dict[str, str]) -> None:
    for method, use in uses.items():
        setattr(kind, method, _refusing(kind, method, use))


_TEXT_METHODS = [name for name in dir(str) if not name.startswith("_") and name != "join"]
_close(
    UnknownText,
    {method: use for method, use in _USES.items() if method not in _ALLOWED_TEXT}
    | {"__iter__": "a loop", "__hash__": "a key of a mapping"}
    | {name: f"`.{name}()`" for name in _TEXT_METHODS},
)
_close(UnknownValue, _USES)


def unknown_result(function: str, typ: type[Any] | None) -> Any:
    """A placeholder for each property of a function's result; for all of it without a type."""
    return placeholder(function, "", typ or object)


def placeholder(function: str, path: str, hint: Any) -> Any:
    """An unknown value of the declared type ``hint``."""
    return _placeholder(function, path, hint, ())


def _placeholder(function: str, path: str, hint: Any, within: tuple[Any, ...]) -> Any:
    hint = _types.unwrap_type(hint)
    if isinstance(hint, type) and _types.is_output_type(hint) and hint not in within:
        types = _types.output_type_types(hint)
        fields = {
            name: _placeholder(function, f"{path}.{name}" if path else name, of, (*within, hint))
            for name, of in types.items()
        }
        return cast("Any", _types.output_type_from_dict(hint, fields))
    if hint is str:
        return UnknownText(function, path)
    origin = typing.get_origin(hint) or hint
    declared = {list: list, typing.get_origin(typing.Sequence[str]): list}.get(origin, origin)
    if declared not in (bool, int, float, list):
        declared = dict
    inner = typing.get_args(hint)
    return UnknownValue(
        function, path or "result", cast("type[Any]", declared), inner[-1] if inner else object
    )
