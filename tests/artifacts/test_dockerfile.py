"""The Dockerfile of the reference server, checked without building it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from components.kubernetes.container import NOBODY
from components.kubernetes.server import PROGRAM
from tests.harness.containers import ROOT

RUNTIME = ROOT / "runtime"
TEXT = (RUNTIME / "Dockerfile").read_text()


@pytest.mark.parametrize(
    "file",
    [RUNTIME / "Dockerfile", *sorted(ROOT.glob("examples/servers/images/*/Dockerfile"))],
    ids=lambda file: file.parent.name,
)
def test_hadolint_reports_no_problem(file: Path):
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, "--no-color", file]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_everything_that_is_copied_is_there():
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+) \S+$", TEXT, re.MULTILINE)
    packages = {file.parent.name for file in RUNTIME.glob("*/__init__.py")} - {"hosts"}
    modules = {"*.py", *(f"{package}/*.py" for package in packages)}
    assert modules | {"requirements-image.txt", "launcher"} == set(copied)
    assert [name for name in copied if not list(RUNTIME.glob(name))] == []


def test_nothing_that_is_copied_is_kept_from_the_build():
    """.dockerignore excludes every other file from the build."""
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(\S+) \S+$", TEXT, re.MULTILINE)
    first, *let_in = (RUNTIME / ".dockerignore").read_text().split()
    assert first == "**"
    assert sorted(let_in) == sorted(f"!{name}" for name in copied)


def test_every_library_that_the_server_and_its_stores_import_is_in_the_image():
    pinned = re.findall(r"^([\w.-]+)==", (RUNTIME / "requirements-image.txt").read_text(), re.M)
    locked = set(map(_normal, pinned))
    providers = packages_distributions()
    libraries = _imported() - set(sys.stdlib_module_names) - {"qudag_mcp_server"}
    assert {"botocore", "mcp"} <= libraries
    assert [name for name in libraries if not locked & set(map(_normal, providers[name]))] == []


def _imported() -> set[str]:
    files = [file for file in RUNTIME.rglob("*.py") if file.parent.name != "hosts"]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    modules = [
        *(alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names),
        *(str(n.module) for n in nodes if isinstance(n, ast.ImportFrom) and not n.level),
    ]
    return {module.split(".")[0] for module in modules}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_image_runs_the_server_as_nobody():
    assert f"USER {NOBODY}:{NOBODY}" in TEXT
    assert f'ENTRYPOINT ["{PROGRAM}"]' in TEXT
