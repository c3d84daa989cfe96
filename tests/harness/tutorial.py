"""docs/tutorial.md as steps that can be run: commands and the text that they print."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
ELIDED = "…"


@dataclass(frozen=True)
class Step:
    """The shell blocks of one section, and its text blocks.

    Attributes:
        commands: one shell command each, in order.
        printed: the text that they print together; ``…`` stands for anything.
    """

    title: str
    commands: tuple[str, ...]
    printed: str


def unmatched(printed: str, output: str) -> str | None:
    """The first line of ``printed`` that ``output`` lacks; a line ``…`` stands for any lines."""
    lines, at, anywhere = output.splitlines(), 0, False
    for wanted in printed.splitlines():
        if wanted == ELIDED:
            anywhere = True
            continue
        here = range(at, len(lines) if anywhere else min(at + 1, len(lines)))
        found = next((number for number in here if _matches(wanted, lines[number])), None)
        if found is None:
            return wanted
        at, anywhere = found + 1, False
    return None


def _matches(wanted: str, line: str) -> bool:
    """Whether ``line`` is ``wanted``, with any number of spaces and anything for ``…``."""
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in wanted.split(ELIDED))
    return re.fullmatch(pattern.replace(r"\ ", " "), " ".join(line.split())) is not None


def steps() -> list[Step]:
    """The numbered sections of the tutorial."""
    sections = re.split(r"^## (?=\d)", PAGE.read_text().partition("\n## Where next")[0], flags=re.M)
    return [_step(section) for section in sections[1:]]


def _step(section: str) -> Step:
    blocks = re.findall(r"^```(sh|text)\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    commands = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
    printed = "".join(text for kind, text in blocks if kind == "text")
    return Step(section.partition("\n")[0], tuple(commands), printed)


def run(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command of the tutorial; ``.venv`` is taken as it is."""
    command = re.sub(r"^make ", "make -o .venv/ready ", command)
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"COLUMNS": "160"},
    )
