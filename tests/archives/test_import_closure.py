"""The import closure follows every form of import that libraries use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from archives.import_closure import Modules

Reached = Callable[..., set[str]]


@pytest.fixture
def reached(tmp_path: Path) -> Reached:
    """The modules that `main` imports, directly or indirectly, in a folder with these files."""

    def reach(files: dict[str, str | bytes], also: dict[str, Sequence[str]] | None = None):
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return set(Modules(tmp_path).closure(["main"], also or {})) - {"main"}

    return reach


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", {"a", "a.b"}),
        ("import a.b as x, c", {"a", "a.b", "c"}),
        ("from a import b", {"a", "a.b"}),
        ("from a import other", {"a"}),
        ("from a import *", {"a"}),
        ("def f():\n    import c", {"c"}),
        ("try:\n    import c\nexcept ImportError:\n    import a", {"a", "c"}),
        ("match 1:\n    case _:\n        import c", {"c"}),
        ("import sys\nif sys.platform == 'win32':\n    import c\nelse:\n    import a", {"a", "c"}),
        ("import importlib\nimportlib.import_module('a.b')", {"a", "a.b"}),
        ("__import__('c')", {"c"}),
        ("x = 'import c'", set[str]()),
        ("# import c", set[str]()),
        ("if TYPE_CHECKING:\n    import c", set[str]()),
        ("import typing\nif typing.TYPE_CHECKING:\n    import c\nelse:\n    import a", {"a"}),
        ("def __getattr__(name): ...\nif TYPE_CHECKING:\n    import c", {"c"}),
        ("import nowhere", set[str]()),
    ],
)
def test_an_import_counts_wherever_it_stands_but_for_type_checkers(
    reached: Reached, source: str, expected: set[str]
):
    files = {"main.py": source, "a/__init__.py": "", "a/b.py": "", "c.py": ""}
    assert reached(files) == expected


def test_a_relative_import_is_from_its_own_package(reached: Reached):
    files = {
        "main.py": "import a.b.c",
        "a/__init__.py": "",
        "a/near.py": "",
        "a/b/__init__.py": "from . import sibling",
        "a/b/sibling.py": "",
        "a/b/c.py": "from ..near import x\nfrom ...gone import y",
        "near.py": "",
    }
    assert reached(files) == {"a", "a.b", "a.b.c", "a.b.sibling", "a.near"}


def test_native_code_imports_the_modules_that_it_names(reached: Reached):
    files = {
        "main.py": "import native",
        "native.abi3.so": b"\x7fELF\0pkg.modulepkg.other\0_private\0plain\0",
        "pkg/__init__.py": "",
        "pkg/module.py": "",
        "pkg/other.py": "",
        "pkg/unnamed.py": "",
        "_private.cpython-313-aarch64-linux-gnu.so": b"",
        "plain.py": "",
    }
    assert reached(files) == {"native", "pkg", "pkg.module", "pkg.other", "_private"}


def test_hidden_imports_can_be_declared(reached: Reached):
    files = {"main.py": "import a", "a.py": "", "plugin.py": "import b", "b.py": ""}
    assert reached(files, {"a": ["plugin"]}) == {"a", "plugin", "b"}


def test_modules_that_import_each_other_are_found_once(reached: Reached):
    assert reached({"main.py": "import a", "a.py": "import main, b", "b.py": "import a"}) == {
        "a",
        "b",
    }
