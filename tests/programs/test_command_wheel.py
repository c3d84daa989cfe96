"""The command line as a wheel of its own: it previews a program in the program's environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.checkouts import Checkout

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HEAVY = ("pulumi", "pulumi_aws", "pulumi_kubernetes", "grpc", "mcp")


def run(argv: list[str | Path], cwd: Path = ROOT, **variables: str) -> tuple[int, str]:
    """Status and output."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH",)}
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=kept | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment that has the wheel and what it says that it needs."""
    folder = tmp_path_factory.mktemp("command")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder]
    status, said = run([*build, ROOT / "command"])
    assert status == 0, said
    (wheel,) = folder.glob("*.whl")
    python = folder / "venv/bin/python"
    assert run([BIN / "uv", "venv", "--quiet", "--python", sys.executable, folder / "venv"])[0] == 0
    install = [BIN / "uv", "pip", "install", "--python", python, "-c", "requirements.txt", wheel]
    if run([*install, "--offline"])[0] != 0:
        status, said = run(install)
        assert status == 0, said
    return python.parent / "qudag-mcp"


@pytest.fixture
def program(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "program")
    made.commit("first")
    return made


def test_its_environment_has_no_sdk(installed: Path):
    tell = f"import importlib.util as u; print([n for n in {HEAVY} if u.find_spec(n)])"
    assert run([installed.parent / "python", "-c", tell]) == (0, "[]\n")
    packages = {path.name for path in installed.parents[1].glob("lib/*/site-packages/*.dist-info")}
    assert len(packages) <= 16, packages  # two of them write the HTML report


def test_it_previews_a_program_and_its_change(installed: Path, program: Checkout):
    program.say("good morning")
    command: list[str | Path] = [installed, "preview", "--base", "HEAD", "--format", "json"]
    status, said = run(command, cwd=program.root, VIRTUAL_ENV=sys.prefix)
    assert status == 0, said
    (change,) = json.loads(said)["changes"]
    assert change["name"] == "greeting"


def test_it_renders_a_program(installed: Path, program: Checkout):
    command: list[str | Path] = [installed, "render", "--out", "out"]
    status, said = run(command, cwd=program.root, VIRTUAL_ENV=sys.prefix)
    assert status == 0, said
    assert [file.name for file in (program.root / "out/manifests").iterdir()] == [
        "300-configmap-greeting.yaml"
    ]


def test_without_the_programs_environment_it_says_how_to_make_it(
    installed: Path, program: Checkout
):
    nowhere = {"VIRTUAL_ENV": "", "PATH": "/usr/bin:/bin"}
    program.write(
        "Pulumi.yaml", "name: greeter\nruntime: {name: python, options: {virtualenv: venv}}\n"
    )
    status, said = run([installed, "preview"], cwd=program.root, **nowhere)
    assert status == 1
    assert "python3 -m venv venv" in said
    assert "Traceback" not in said


def test_it_prints_a_runbook(installed: Path):
    status, said = run([installed, "runbook", "ValkeyDown"])
    page = (ROOT / "docs/runbooks/valkey-down.md").read_text()
    commands = page.partition("```sh\n")[2].partition("```")[0]
    assert status == 0, said
    assert said.startswith("# ValkeyDown\n")
    assert commands in said


@pytest.mark.parametrize("verb", ["up", "schema", "bench", "add-server"])
def test_verbs_that_need_the_checkout_say_so(installed: Path, verb: str):
    status, said = run([installed, verb])
    assert status == 1
    assert "needs a checkout of the project" in said


def test_its_version_is_that_of_the_components(installed: Path):
    assert run([installed, "--version"]) == run([BIN / "qudag-mcp", "--version"])
