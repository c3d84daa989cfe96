"""Replaces the code of a dynamic provider by a digest that changes only with that code."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, cast

_MOST = 2000
"""Functions that are followed; more than a provider of a program has."""


def install() -> None:
    """Makes the SDK send the digest: the serialized provider contains folders and line numbers."""
    module: Any = sys.modules["pulumi.dynamic.dynamic"]
    module.serialize_provider = _text


def _text(provider: Any) -> str:
    kind = cast("type[Any]", type(provider))
    return f"[code {kind.__qualname__} {digest_of(kind)}]"


def digest_of(kind: type[Any]) -> str:
    """Digest of a class's functions, and of those of the program that they call."""
    found = hashlib.sha256()
    for text in sorted(set(_texts(kind))):
        found.update(text.encode())
    return found.hexdigest()[:16]


def _texts(kind: type[Any]) -> Iterator[str]:
    waiting: list[Any] = [kind]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST:
        one = waiting.pop()
        if id(one) in seen or not _of_a_program(one):
            continue
        seen.add(id(one))
        if isinstance(one, type):
            waiting += one.__mro__
            waiting += [getattr(each, "__func__", each) for each in vars(one).values()]
            continue
        yield f"{one.__qualname__} {_of_code(one.__code__)}"
        waiting += [
            one.__globals__[name] for name in _names(one.__code__) if name in one.__globals__
        ]


def _of_a_program(one: Any) -> bool:
    """Whether it is a class or a function of the program, and not of an installed package."""
    if not isinstance(one, type | FunctionType):
        return False
    file = getattr(sys.modules.get(one.__module__), "__file__", None)
    if isinstance(one, FunctionType):
        file = one.__code__.co_filename
    return bool(file) and "site-packages" not in file and not file.startswith(sys.base_prefix)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _of_code(code: CodeType) -> str:
    constants = [
        _of_code(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"
