"""Finds the server object in the user's own code, without running the code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from components.base.constraints import Form
from components.base.problems import Problem, nearest

_NAME: Final = "[A-Za-z_][A-Za-z0-9_]*"
ENTRY: Final = Form(
    name="entry",
    pattern=rf"^{_NAME}(\.{_NAME})*:{_NAME}$",
    words="a module and the name of the server object in it, as MODULE:NAME",
    examples=("server:mcp",),
    consequence="the function would not find the server",
)
DEFAULT_ENTRY: Final = "server:mcp"
_SERVERS: Final = frozenset({"MCPServer", "Server"})
_NO_SERVER = "the function would end with an error when it starts"


def entry_problems(entry: str, files: Mapping[str, Path]) -> list[Problem]:
    """The problem of an entry that the folder's files do not define, or nothing.

    Args:
        entry: `module:name`.
        files: of the folder, by their path in it.
    """
    if problem := ENTRY.problem("entry", entry):
        return [problem]
    module, _, name = entry.partition(":")
    path = module.replace(".", "/")
    found = next((each for each in (f"{path}/__init__.py", f"{path}.py") if each in files), None)
    if found is None:
        return [
            Problem(
                "entry",
                f"is {entry}, and the folder has no {path}.py",
                _NO_SERVER,
                "name the file that defines the server: <module>:<name>",
            )
        ]
    try:
        tree = ast.parse(files[found].read_bytes())
    except SyntaxError as error:
        if sys.version_info < (3, 13):
            return []  # it may be newer than the Python here; the archive's compiler decides
        what = f"{found} line {error.lineno} is not Python: {error.msg}"
        return [Problem("code", what, _NO_SERVER, "correct it")]
    names = dict(_names(tree.body))
    kind = "object" if "*" in names else names.get(name)
    if kind == "object":
        return []
    what = f"which is a {kind}" if kind else f"and {found} defines no {name}"
    return [Problem("entry", f"is {entry}, {what}", _NO_SERVER, _fix(module, names, tree))]


def _fix(module: str, names: Mapping[str, str], tree: ast.Module) -> str:
    servers = [name for name in _assigned_servers(tree.body) if names.get(name) == "object"]
    near = servers[0] if servers else nearest("mcp", names)
    if near is not None and names[near] == "object":
        return f"write entry: {module}:{near}"
    return "write mcp = MCPServer(…) at the top level of the module"


def _blocks(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported, at any depth."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _blocks(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from _blocks(handler.body)


def _names(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """What a module defines: each name with `object`, `function` or `class`; `*` is anything."""
    for statement in _blocks(body):
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, "function"
            case ast.ClassDef(name=name):
                yield name, "class"
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    yield alias.asname or alias.name.partition(".")[0], "object"
            case ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.With() | ast.For():
                for name in _targets(statement):
                    yield name, "object"
            case _:
                pass


def _targets(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.Assign(targets=targets):
            parts: list[ast.expr | None] = [*targets]
        case ast.AnnAssign(target=target) | ast.For(target=target):
            parts = [target]
        case ast.With(items=items):
            parts = [item.optional_vars for item in items]
        case _:
            parts = []
    for part in parts:
        if part is not None:
            yield from (node.id for node in ast.walk(part) if isinstance(node, ast.Name))


def _assigned_servers(body: list[ast.stmt]) -> Iterator[str]:
    """Names to which a call of one of the SDK's classes is assigned."""
    for statement in _blocks(body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=called)):
                called_name = getattr(called, "attr", getattr(called, "id", ""))
                if called_name in _SERVERS:
                    yield name
            case _:
                pass
