"""Computes which modules a set of entry modules imports, directly or indirectly."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

_CALLS_WITH_A_NAME = frozenset({"import_module", "__import__"})


class Modules:
    """The modules in a folder of packages, and the imports of each module.

    Every ``import`` counts, also inside functions, except under ``if TYPE_CHECKING``. In a module
    with ``__getattr__`` even those count, because such a module imports lazily what it declares
    there. A native module counts as importing every module whose name it contains.

    Attributes:
        files: the file of each module, by dotted name; ``__init__.py`` for a package.
    """

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, Path] = {}
        for file in sorted(folder.rglob("*")):
            if file.suffix in {".py", ".so"}:
                self.files.setdefault(_name(file.relative_to(folder)), file)

    def closure(
        self, entries: Iterable[str], hidden: Mapping[str, Sequence[str]]
    ) -> frozenset[str]:
        """The names of all modules that ``entries`` import, directly or indirectly, and their own.

        Args:
            entries: modules that the host imports.
            hidden: by module, imports that cannot be seen in its source.
        """
        found: set[str] = set()
        waiting = list(entries)
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.files:
                continue
            found.add(name)
            waiting += _packages(name)
            waiting += hidden.get(name, ())
            waiting += self._imports(name)
        return frozenset(found)

    def _imports(self, name: str) -> Iterator[str]:
        file = self.files[name]
        if file.suffix == ".so":
            yield from self._named_in(file)
            return
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        yield from _named(file.read_bytes(), package)

    def _named_in(self, native: Path) -> Iterator[str]:
        """The modules whose name, if dotted or private, occurs in a native module."""
        texts = b" ".join(re.findall(rb"[\w.]{6,}", native.read_bytes()))
        for name in self.files:
            if ("." in name or name.startswith("_")) and name.encode() in texts:
                yield name


def _name(path: Path) -> str:
    """Module name of a path: ``pkg.sub`` of ``pkg/sub/__init__.py`` or ``pkg/sub.abi3.so``."""
    *folders, last = path.parts
    stem = last.partition(".")[0]
    return ".".join(folders if stem == "__init__" else [*folders, stem])


def _packages(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        yield name


@cache
def _named(source: bytes, package: str) -> tuple[str, ...]:
    """The modules that a source can import; cached, because hosts share most libraries."""
    if b"import" not in source:
        return ()  # character tables and the like
    tree = ast.parse(source)
    found: list[str] = []
    for statement in _statements(tree.body, lazy=_is_lazy(tree)):
        found += _imported(statement, package)
    if any(called in source for called in (b"import_module(", b"__import__(")):
        for node in ast.walk(tree):
            found += _called(node, package)
    return tuple(found)


def _is_lazy(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.FunctionDef) and n.name == "__getattr__" for n in tree.body)


def _statements(body: list[ast.stmt], *, lazy: bool) -> Iterator[ast.stmt]:
    """All statements in ``body`` at any depth, without those for type checkers."""
    waiting = [*body]
    while waiting:
        statement = waiting.pop()
        yield statement
        checked = isinstance(statement, ast.If) and not lazy and _for_type_checkers(statement.test)
        for part in ("orelse",) if checked else ("body", "orelse", "finalbody"):
            waiting += getattr(statement, part, ())
        for branch in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            waiting += branch.body


def _for_type_checkers(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"}


def _imported(statement: ast.stmt, package: str) -> Iterator[str]:
    """The modules that an import statement may load."""
    match statement:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            base = _base(package, module, level)
            yield base
            yield from (f"{base}.{alias.name}" for alias in names)
        case _:
            pass


def _called(node: ast.AST, package: str) -> Iterator[str]:
    """The modules that calls such as ``import_module("name")`` load."""
    match node:
        case ast.Call(
            func=ast.Name(id=called) | ast.Attribute(attr=called),
            args=[ast.Constant(value=str(name)), *_],
        ) if called in _CALLS_WITH_A_NAME:
            yield _base(package, name.lstrip("."), len(name) - len(name.lstrip(".")))
        case _:
            pass


def _base(package: str, module: str | None, level: int) -> str:
    if level == 0:
        return module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])
