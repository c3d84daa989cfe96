"""Which Python environment a program runs in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from graph.environment import environment_of


def program(root: Path, runtime: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "Pulumi.yaml").write_text(f"name: shop\nruntime: {runtime}\n")
    (root / "requirements.txt").write_text("pulumi\n")
    return root


def environment(place: Path) -> Path:
    """A folder as a virtual environment has it; nothing is run."""
    (place / "bin").mkdir(parents=True)
    (place / "bin/python").write_text("")
    return place


NAMED = "{name: python, options: {virtualenv: venv}}"
UV = "{name: python, options: {toolchain: uv}}"


def test_the_environment_that_pulumi_yaml_names_comes_before_the_active_one(tmp_path: Path):
    root = program(tmp_path / "shop", NAMED)
    active = environment(tmp_path / "active")
    named = environment(root / "venv")
    found = environment_of(root, {"VIRTUAL_ENV": str(active)})
    assert found.python == named / "bin/python"
    assert found.install == f"in {root}: venv/bin/pip install -r requirements.txt"


def test_the_active_environment_stands_in_for_one_that_is_not_made(tmp_path: Path):
    root = program(tmp_path / "shop", NAMED)
    active = environment(tmp_path / "active")
    assert environment_of(root, {"VIRTUAL_ENV": str(active)}).name == str(active)


def test_uvs_environment_may_be_that_of_a_workspace(tmp_path: Path):
    made = environment(tmp_path / ".venv")
    root = program(tmp_path / "programs/shop", UV)
    assert environment_of(root, {}).python == made / "bin/python"


def test_uvs_environment_may_have_another_name(tmp_path: Path):
    root = program(tmp_path, UV)
    made = environment(tmp_path / "elsewhere")
    assert environment_of(root, {"UV_PROJECT_ENVIRONMENT": "elsewhere"}).name == str(made)


def test_poetrys_environment_may_be_in_the_project(tmp_path: Path):
    root = program(tmp_path, "{name: python, options: {toolchain: poetry}}")
    made = environment(tmp_path / ".venv")
    assert environment_of(root, {}).name == str(made)


def test_the_environment_of_this_command_is_the_fallback(tmp_path: Path):
    assert environment_of(program(tmp_path, "python"), {}).python == Path(sys.executable)


@pytest.mark.parametrize(
    ("runtime", "what", "fix"),
    [
        (NAMED, "does not exist: venv", "python3 -m venv venv && venv/bin/pip install"),
        (UV, "does not exist: environment of uv", "uv sync"),
        ("nodejs", "its runtime is nodejs", "preview a program in Python"),
    ],
)
def test_what_is_absent_is_named_with_the_command_that_makes_it(
    runtime: str, what: str, fix: str, tmp_path: Path
):
    with pytest.raises(ProblemReport) as raised:
        environment_of(program(tmp_path, runtime), {})
    (problem,) = raised.value.problems
    assert what in problem.what
    assert fix in problem.fix
