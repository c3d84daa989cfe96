"""The command line: subcommands, report formats, exit statuses, no traceback for user errors."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from delivery import process
from delivery.cli import app
from delivery.source_checkout import ROOT
from review import preview
from tests.harness.checkouts import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "clone")
    made.commit()
    return made


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_preview_shows_the_tree_of_a_stack(checkout: Checkout):
    status, shown, _ = run("preview", "-C", str(checkout.root))
    assert status == 0
    assert "ConfigMap greeting  text" in shown
    assert "size: 2" in shown


@pytest.mark.slow
def test_the_program_of_the_current_folder_is_previewed(checkout: Checkout):
    ours = {"PYTHONPATH": str(ROOT), "VIRTUAL_ENV": sys.prefix}
    argv = [sys.executable, "-m", "delivery", "preview"]
    shown = subprocess.run(
        argv, cwd=checkout.root, env=os.environ | ours, capture_output=True, text=True, check=False
    )
    assert "ConfigMap greeting  text" in shown.stdout, shown.stderr


@pytest.mark.parametrize("form", ["tree", pytest.param("markdown", marks=pytest.mark.slow), "json"])
def test_every_form_shows_a_change_and_succeeds(checkout: Checkout, form: str):
    checkout.say("changed")
    status, shown, _ = run("preview", "-C", str(checkout.root), "--base", "HEAD", "--format", form)
    assert status == 0
    assert "changed" in shown


def test_json_is_all_that_stands_on_standard_output(checkout: Checkout):
    _, shown, _ = run("preview", "-C", str(checkout.root), "--format", "json")
    assert json.loads(shown)["kinds"] == {"ConfigMap": 1}


def test_render_writes_a_folder_and_says_what_it_holds(checkout: Checkout, tmp_path: Path):
    out = tmp_path / "out"
    status, shown, _ = run("render", "-C", str(checkout.root), "--out", str(out))
    assert (status, shown) == (0, f"1 manifests and graph.json in {out}\n")
    assert (out / "graph.json").is_file()


def test_a_users_mistake_is_a_message_and_status_one(checkout: Checkout):
    status, shown, said = run("preview", "-C", str(checkout.root), "--stack", "dve")
    assert (status, shown) == (1, "")
    assert "did you mean dev?" in said


def test_wrong_usage_is_status_two():
    assert run("preview", "--form", "pdf")[0] == 2
    assert run("render")[0] == 2
    assert run("nonsense")[0] == 2


def test_an_operating_systems_refusal_is_a_message(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/out/graph.json")

    monkeypatch.setattr(preview, "compare", full)
    status, _, said = run("preview", "-C", str(checkout.root), "--base", "HEAD")
    assert (status, said) == (1, "/out/graph.json: No space left on device\n")


def test_a_program_that_does_not_end_is_a_message(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
):
    def stuck(*_: object, **__: object) -> None:
        process.run(["sleep", "60"], timeout=0.1)

    monkeypatch.setattr(preview, "compare", stuck)
    status, _, said = run("preview", "-C", str(checkout.root), "--base", "HEAD")
    assert status == 1
    assert said.startswith("sleep still ran after 0.1 s")


def test_an_interruption_is_a_sentence_and_status_130(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(preview, "compare", interrupted)
    status, _, said = run("preview", "-C", str(checkout.root), "--base", "HEAD")
    assert status == 130
    assert "Interrupted" in said


def test_help_names_every_verb_and_the_exit_statuses():
    status, shown, _ = run("--help")
    assert status == 0
    assert all(word in shown for word in ("preview", "render", "Exit status"))


def test_the_version_is_the_projects():
    assert re.fullmatch(r"qudag-mcp \d+\.\d+\.\d+\n", run("--version")[1])


def test_help_comes_without_loading_the_engines_sdk():
    code = "import delivery.cli, sys; sys.exit('pulumi' in sys.modules or 'rich' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_bench_runs_a_program_of_its_own_and_ends_with_its_status(monkeypatch: pytest.MonkeyPatch):
    called: list[tuple[list[str], Path]] = []

    def ran(argv: list[str], *, cwd: Path) -> int:
        called.append((argv, cwd))
        return 3

    monkeypatch.setattr(process, "on_terminal", ran)
    assert run("bench")[0] == 3
    root = Path(__file__).parents[2]
    assert called == [([sys.executable, "-m", "tools.bench"], root)]
    assert (root / "tools/bench/__main__.py").exists()
