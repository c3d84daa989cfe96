"""The names that the package exports: one table, and the same list for type checkers."""

from __future__ import annotations

import ast
from typing import Final

from tests.harness.containers import ROOT

TREE: Final = ast.parse((ROOT / "components/__init__.py").read_text())


def table() -> list[tuple[str, str]]:
    """Each module with each name that it exports, in the order of the file."""
    (written,) = (
        node.value
        for node in TREE.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_PUBLIC"
    )
    return [
        (module, name)
        for module, names in ast.literal_eval(written).items()
        for name in names.split()
    ]


def for_type_checkers() -> list[tuple[str, str, str | None]]:
    """Each module, name and new name that a type checker reads."""
    (block,) = (
        node
        for node in TREE.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    return [
        (str(node.module), name.name, name.asname)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    ]


def test_the_table_of_exported_names_is_sorted_and_has_each_name_once():
    names = [name for _, name in table()]
    assert table() == sorted(table())
    assert len(set(names)) == len(names)


def test_a_type_checker_reads_the_same_names():
    assert sorted(for_type_checkers()) == [(module, name, name) for module, name in table()]
