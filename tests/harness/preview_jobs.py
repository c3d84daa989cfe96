"""Runs the jobs of ci/ that preview pull requests, in a repository with one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from .pull_requests import Forge

ROOT: Final = Path(__file__).resolve().parents[2]
ACTION: Final = ROOT / "ci/github/action.yml"
CACHE: Final = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
PROGRAM: Final = """
import pulumi
class Thing(pulumi.CustomResource):
    def __init__(self, name, **inputs):
        super().__init__("acme:index:Thing", name, inputs)
Thing("first", size=SIZE)
"""


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody; returns what it printed."""
    named = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", "-C", str(folder), *named, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Repository:
    """A clone as actions/checkout leaves it: the merge of a pull request into main.

    Attributes:
        base: the commit of main that it was merged into.
        known: the commit of main when the pull request was opened, as the event names it.
    """

    folder: Path
    base: str
    head: str
    known: str


def steps() -> list[dict[str, Any]]:
    """The steps of the Action."""
    return yaml.safe_load(ACTION.read_text())["runs"]["steps"]


def step(name: str) -> str:
    """The script of a step."""
    return next(one for one in steps() if one["name"] == name)["run"]


def run(script: str, folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A step as the runner starts it."""
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH",)}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=clean | {"GITHUB_ACTION_PATH": str(ACTION.parent)} | dict(env),
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass
class Runner:
    """Executes the steps of the Action with their variables and outputs."""

    repository: Repository
    forge: Forge
    temporary: Path
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    failed: bool = False
    printed: str = ""

    def go(self) -> None:
        """Run all steps but the installation."""
        stated = yaml.safe_load(ACTION.read_text())["inputs"]
        self.inputs = {k: str(v.get("default", "")) for k, v in stated.items()} | self.inputs
        event = self.temporary / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 7}}))
        for one in steps():
            if "run" not in one or one["name"] == "Install":
                continue
            wanted = "if" not in one and not self.failed
            if one.get("if") == "${{ !cancelled() && inputs.comment == 'true' }}":
                wanted = self.inputs["comment"] == "true"
            if wanted:
                self._run(one, event)

    def _run(self, one: dict[str, Any], event: Path) -> None:
        written = self.temporary / "output"
        written.write_text("")
        env = {name: self._value(text) for name, text in one["env"].items()} | {
            "RUNNER_TEMP": str(self.temporary),
            "GITHUB_OUTPUT": str(written),
            "GITHUB_STEP_SUMMARY": str(self.temporary / "summary"),
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_API_URL": self.forge.address,
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": "99",
            "VIRTUAL_ENV": str(ROOT / ".venv"),
        }
        done = run(one["run"], self.repository.folder, env)
        self.printed += done.stdout + done.stderr
        self.failed = self.failed or done.returncode != 0
        for line in written.read_text().splitlines():
            name, _, value = line.partition("=")
            self.outputs[f"steps.{one['id']}.outputs.{name}"] = value

    def _value(self, text: str) -> str:
        known = {
            "github.event.pull_request.base.sha": self.repository.known,
            "github.event.pull_request.head.sha": self.repository.head,
            "github.token": "token-of-the-job",
            "github.server_url": "https://github.example",
            "github.action_repository": "acme/qudag-mcp",
            "github.action_ref": "0" * 40,
            **{f"inputs.{name}": value for name, value in self.inputs.items()},
            **self.outputs,
        }

        def replaced(found: re.Match[str]) -> str:
            return known[found[1]]

        first = re.sub(r"\$\{\{ ([\w.-]+) \}\}", replaced, text)
        return re.sub(r"\$\{\{ (github\.token) \}\}", replaced, first)
