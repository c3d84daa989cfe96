"""Replaces calls of provider functions: none is called, and their results are unknown."""

from __future__ import annotations

from typing import Any, Final

import pulumi
from pulumi.output import UNKNOWN
from pulumi.runtime.invoke import InvokeResult

from ..functions import UnknownText, unknown_result
from .assumptions import Note
from .kubernetes_files import DECODE, objects

WHAT: Final = (
    "this function is not called: its results are [unknown], and resources that the program "
    "creates from them in an apply are not shown"
)
_RENDERED: Final = {"kubernetes:helm:template", "kubernetes:kustomize:directory"}
"""Functions whose result is a list of Kubernetes objects."""

_OBJECTS: Final = "it needs its own tool: the objects that it renders are not shown"


def install(note: Note) -> None:
    """Replaces the functions with which generated SDKs call providers, in this process.

    All versions of the SDK have these functions. Only new ones understand the protocol's answer for
    an unknown result.
    """

    def noted(tok: str) -> None:
        note(tok, _OBJECTS if tok in _RENDERED else WHAT)

    def invoke(tok: str, props: Any, *given: Any, **named: Any) -> Any:
        if tok == DECODE:
            return InvokeResult({"result": objects(props["text"])})
        noted(tok)
        return InvokeResult(unknown_result(tok, _type(given, named)))

    def invoke_single(tok: str, *_: Any, **__: Any) -> Any:
        noted(tok)
        return InvokeResult(UnknownText(tok, "result"))

    async def invoke_async(tok: str, props: Any, *given: Any, **named: Any) -> Any:
        if tok == DECODE:
            return {"result": objects(props["text"])}
        noted(tok)
        if tok in _RENDERED:
            return {"result": UNKNOWN}
        return unknown_result(tok, _type(given, named))

    def invoke_output(tok: str, props: Any, *_: Any, **__: Any) -> Any:
        noted(tok)
        needed = pulumi.Output.from_input(dict(props or {}))
        return pulumi.Output.all(needed, UNKNOWN).apply(lambda both: both[1])

    runtime: Any = pulumi.runtime
    for name, replacement in {
        "invoke": invoke,
        "invoke_single": invoke_single,
        "invoke_async": invoke_async,
        "invoke_output": invoke_output,
        "invoke_output_single": invoke_output,
    }.items():
        if hasattr(runtime, name):
            setattr(runtime, name, replacement)


def _type(given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The class of the result: the argument ``typ``, after ``opts``."""
    return named.get("typ", given[1] if len(given) > 1 else None)
