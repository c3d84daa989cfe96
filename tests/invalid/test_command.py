"""The command refuses a broken stack quickly, with status 1, a message and no traceback."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.invalid.cases import ROOT

PARTS = (
    "__main__.py",
    "Pulumi.yaml",
    "pyproject.toml",
    "components",
    "stacks",
    "policies",
    "graph",
    "archives",
    "review",
    "delivery",
)
MOST_SECONDS = 2.0
"""Of processor time: what a person waits on a machine that has nothing else to do."""

MISTAKES = {
    "a wrong word": ("era: dual", "era: moden", "qudag-mcp:protocol.era (Pulumi.dev.yaml, line"),
    "a wrong number": ("Seconds: 60", "Seconds: 60s", "write 60, without quotes"),
    "a number out of range": ("Seconds: 60", "Seconds: 99999", "from 1 to 3600"),
    "an unknown section": ("qudag-mcp:edge:", "qudag-mcp:egde:", "write edge"),
    "an unknown key": ("loadBalancer:", "loadBalancr:", "write loadBalancer"),
    "an old yes": ("loadBalancer: true", "loadBalancer: yes", "write true or false"),
    "a network of all": ("10.0.0.0/8", "0.0.0.0/0", "network.public: true"),
    "a network that is none": ("10.0.0.0/8", "10.0.0.1/8", "write 10.0.0.0/8"),
    "a section as a word": (
        "clients:\n      - 10.0.0.0/8\n      - 172.16.0.0/12\n      - 192.168.0.0/16\n",
        "10.0.0.0/8\n",
        "where keys are expected",
    ),
    "a section twice": ("qudag-mcp:edge:", "qudag-mcp:network:", "defined twice"),
    "a tab": ("    loadBalancer", "\tloadBalancer", "YAML allows no tabs"),
    "an open quote": ("environment: dev", 'environment: "dev', "close the quotes"),
    "config misspelt": ("\nconfig:", "\nconfg:", "write config"),
    "an injected directive": (
        "loadBalancer: true",
        'maxBody: "50m; server_tokens on"',
        "such as 50m",
    ),
    "an encrypted value": (
        "environment: dev",
        "environment: dev\n  qudag-mcp:secrets: {secure: v1:hunter2}",
        "pulumi config rm qudag-mcp:secrets",
    ),
    "an encrypted value inside": (
        "era: dual",
        "era: dual\n    issuer: {secure: v1:hunter2}",
        "pulumi config rm qudag-mcp:protocol",
    ),
    "a password in clear": (
        "environment: dev",
        "environment: dev\n  qudag-mcp:secrets: {passwords: hunter2!}",
        "the name of a Secret",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    status: int
    shown: str
    said: str
    processor_seconds: float


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, whose stack files a test may break."""
    copy = tmp_path_factory.mktemp("project")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part)
        else:
            shutil.copy(source, copy / part)
    # What users wait for is a command of a project whose modules are compiled already.
    compileall.compile_dir(copy, quiet=2)
    return copy


def qudag_mcp(project: Path, arguments: Sequence[str]) -> Ended:
    """Runs the command of the copy, as its .venv/bin/qudag-mcp does."""
    before = os.times()
    run = subprocess.run(
        [sys.executable, "-m", "delivery", *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project), "VIRTUAL_ENV": sys.prefix},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    after = os.times()
    spent = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    return Ended(status=run.returncode, shown=run.stdout, said=run.stderr, processor_seconds=spent)


@pytest.mark.parametrize(
    ("sound", "broken", "expected"),
    [
        pytest.param(*mistake, id=name, marks=[pytest.mark.slow] if number else [])
        for number, (name, mistake) in enumerate(MISTAKES.items())
    ],
)
def test_preview_refuses_a_broken_stack_in_a_moment(
    project: Path, sound: str, broken: str, expected: str
):
    text = (ROOT / "Pulumi.dev.yaml").read_text()
    assert sound in text
    (project / "Pulumi.dev.yaml").write_text(text.replace(sound, broken, 1))
    started = time.monotonic()
    ended = qudag_mcp(project, ["preview", "--stack", "dev"])
    assert (ended.status, ended.shown) == (1, "")
    assert "Traceback" not in ended.said
    assert expected in ended.said
    assert "so: " in ended.said
    assert "fix:" in ended.said
    assert "hunter2" not in ended.said
    if ended.processor_seconds >= MOST_SECONDS:  # what else runs makes a run slower, never faster
        ended = qudag_mcp(project, ["preview", "--stack", "dev"])
    assert ended.processor_seconds < MOST_SECONDS
    print(f"{time.monotonic() - started:.2f} s, {ended.processor_seconds:.2f} s of processor time")


@pytest.mark.slow
def test_render_refuses_as_preview_does_and_writes_nothing(project: Path, tmp_path: Path):
    (project / "Pulumi.dev.yaml").write_text("config:\n  qudag-mcp:environment: prd\n")
    ended = qudag_mcp(project, ["render", "--stack", "dev", "--out", str(tmp_path / "out")])
    assert ended.status == 1
    assert "write prod" in ended.said
    assert not (tmp_path / "out").exists()


def test_an_environment_of_another_name_is_refused_in_the_stack_prod(project: Path):
    (project / "Pulumi.prod.yaml").write_text("config:\n  qudag-mcp:environment: dev\n")
    ended = qudag_mcp(project, ["preview", "--stack", "prod"])
    assert ended.status == 1
    assert "set it to prod" in ended.said


@pytest.mark.slow
def test_problems_of_a_program_in_another_folder_are_reported(project: Path):
    text = (ROOT / "Pulumi.dev.yaml").read_text()
    (project / "Pulumi.dev.yaml").write_text(text.replace("era: dual", "era: moden"))
    ended = qudag_mcp(ROOT, ["preview", "-C", str(project), "--stack", "dev"])
    assert ended.status == 1
    assert ended.said.startswith("1 problem:\nqudag-mcp:protocol.era (Pulumi.dev.yaml, line")
