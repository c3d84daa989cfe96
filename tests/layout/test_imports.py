"""Each folder imports only from folders below it, and no modules import each other in a circle.

Every import counts, those inside functions and those for type checkers too: a module that needs
another's types needs that module to be understood.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from components.clouds import CLOUDS as LISTED

ROOT: Final = Path(__file__).parents[2]

FOLDERS: Final = (
    "runtime",
    "components",
    "archives",
    "graph",
    "policies",
    "stacks",
    "review",
    "delivery",
    "tools",
    "tests",
)
"""Of the whole project, each below those after it."""
CLOUDS: Final = frozenset({"kubernetes", *(cloud.key for cloud in LISTED)})
"""Folders of `components/` that know nothing of each other."""
LAYERS: Final = (
    *(frozenset({"base"}), frozenset({"mcp"}), CLOUDS),
    *(frozenset({"observability"}), frozenset({""})),
)
"""Folders of `components/`, lowest first; the empty name stands for the files in it."""


Imports = Mapping[str, frozenset[str]]


def module_name(file: Path) -> str:
    """The dotted name of a file of the project."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files() -> dict[str, Path]:
    """Every module of the project, by its dotted name."""
    return {module_name(file): file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")}


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement, also within others; an import is never a part of an expression."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        yield node
        for inner in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, inner, ()) if not isinstance(node, ast.expr) else ()


def named(source: str, package: str) -> Iterator[str]:
    """Dotted names that a module's text imports: modules, or what is in them."""
    for node in statements(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*above, *([module] if module else [])])
                yield from (f"{base}.{alias.name}" for alias in names)
            case _:
                pass


def found_imports(modules: Mapping[str, Path]) -> Imports:
    """Of each module those of the project that it imports."""

    def module_of(name: str) -> str:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name

    found: dict[str, frozenset[str]] = {}
    for name, file in modules.items():
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        names = {module_of(imported) for imported in named(file.read_text(), package)}
        found[name] = frozenset(names - {"", name})
    return found


@pytest.fixture(scope="module")
def imports() -> Imports:
    return found_imports(files())


def edges(imports: Imports) -> Iterator[tuple[str, str]]:
    for name, others in imports.items():
        yield from ((name, other) for other in sorted(others))


def upward(imports: Imports) -> list[tuple[str, str]]:
    """Imports of a module that is in a folder above."""
    return [
        (one, other)
        for one, other in edges(imports)
        if FOLDERS.index(one.partition(".")[0]) < FOLDERS.index(other.partition(".")[0])
    ]


def layer(module: str) -> tuple[int, str]:
    """The layer of a module of `components/`, and the folder that it is in."""
    first, _, rest = module.removeprefix("components").lstrip(".").partition(".")
    known = {folder for layer in LAYERS for folder in layer}
    folder = first if first in known and (rest or first in known) else ""
    return next(n for n, folders in enumerate(LAYERS) if folder in folders), folder


def crossing(imports: Imports) -> list[tuple[str, str]]:
    """Imports in `components/` from a layer above, or from another folder of the same layer."""
    return [
        (one, other)
        for one, other in edges(imports)
        if one.startswith("components") and other.startswith("components")
        if layer(one)[0] < layer(other)[0]
        or (layer(one)[0] == layer(other)[0] and layer(one)[1] != layer(other)[1])
    ]


def circles(imports: Imports) -> set[frozenset[str]]:
    """Groups of modules that need each other."""
    needed = {name: needed_by(name, imports) for name in imports}
    groups = (
        frozenset(other for other in others if name in needed.get(other, set()))
        for name, others in needed.items()
    )
    return {group for group in groups if group}


def needed_by(name: str, imports: Imports) -> set[str]:
    """The modules that a module imports, and all that these import."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        more = imports.get(waiting.pop(), frozenset()) - found
        found |= more
        waiting += more
    return found


def test_a_folder_imports_only_from_folders_below_it(imports: Imports):
    assert upward(imports) == []


def test_every_python_folder_has_a_place_in_the_order():
    holding = {file.relative_to(ROOT).parts[0] for file in ROOT.glob("*/**/*.py")}
    holding = {name for name in holding if not name.startswith(".")}
    assert holding - {"component_package", "examples", "out"} == set(FOLDERS)


def test_a_component_imports_only_from_layers_below_it(imports: Imports):
    assert crossing(imports) == []


def test_every_folder_of_components_has_a_place_in_the_layers():
    folders = {init.parent.name for init in (ROOT / "components").glob("*/*.py")}
    assert folders == {folder for layer in LAYERS for folder in layer} - {""}


def test_no_modules_import_each_other_in_a_circle(imports: Imports):
    assert circles(imports) == set()


def test_the_wheel_imports_nothing_of_the_project_but_itself(imports: Imports):
    inside = [edge for edge in edges(imports) if edge[0].startswith("components")]
    assert [edge for edge in inside if not edge[1].startswith("components")] == []


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("import a.b", "p", ["a.b"]),
        ("from a import b, c", "p", ["a.b", "a.c"]),
        ("from . import b", "p.q", ["p.q.b"]),
        ("from ..a import b", "p.q", ["p.a.b"]),
        ("def f():\n    from .a import b", "p", ["p.a.b"]),
        ("if TYPE_CHECKING:\n    from .a import b", "p", ["p.a.b"]),
    ],
)
def test_every_form_of_import_counts(source: str, package: str, expected: list[str]):
    assert list(named(source, package)) == expected


def test_a_circle_an_upward_import_and_a_crossing_are_found():
    made: Imports = {
        "components.aws.a": frozenset({"components.gcp.b"}),
        "components.gcp.b": frozenset({"components.aws.a"}),
        "components.base.c": frozenset({"components.mcp.d"}),
        "graph.e": frozenset({"delivery.f"}),
    }
    assert circles(made) == {frozenset({"components.aws.a", "components.gcp.b"})}
    assert upward(made) == [("graph.e", "delivery.f")]
    assert len(crossing(made)) == 3
