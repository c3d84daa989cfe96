"""Makes plain forms (``get_x``) of provider functions return placeholders during a recording."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.runtime.invoke import InvokeResult, invoke, invoke_async, invoke_single
from pulumi.runtime.settings import get_monitor

from .functions import UnknownText, unknown_result


def install() -> None:
    """Makes the plain forms return placeholders while a program is recorded, and only then."""
    if pulumi.runtime.invoke is _invoke:
        return
    pulumi.runtime.invoke = _invoke
    pulumi.runtime.invoke_single = _invoke_single
    pulumi.runtime.invoke_async = _invoke_async


def _recording() -> bool:
    return getattr(get_monitor(), "answers_nothing", False)


def _invoke(
    tok: str, props: Any, opts: Any = None, typ: type[Any] | None = None, package_ref: Any = None
) -> InvokeResult:
    result = invoke(tok, props, opts, typ, package_ref)
    if result.is_known or not _recording():
        return result
    return InvokeResult(unknown_result(tok, typ))


def _invoke_single(
    tok: str, props: Any, opts: Any = None, typ: type[Any] | None = None, package_ref: Any = None
) -> InvokeResult:
    result = invoke_single(tok, props, opts, typ, package_ref)
    if result.value is not None or not _recording():
        return result
    return InvokeResult(UnknownText(tok, "result"))


async def _invoke_async(
    tok: str, props: Any, opts: Any = None, typ: type[Any] | None = None, package_ref: Any = None
) -> Any:
    value = await invoke_async(tok, props, opts, typ, package_ref)
    return unknown_result(tok, typ) if value is None and _recording() else value
