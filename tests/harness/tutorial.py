"""Pages with numbered steps that can be run: commands, edits, and the text that is printed."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
ELIDED = "…"


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Attributes:
        kind: ``sh`` (commands), ``diff`` (edits of files) or ``text`` (what was printed).
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Step:
    """A numbered section of a page with its blocks in order."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def commands(self) -> list[str]:
        """The shell commands of all blocks."""
        return [
            line for block in self.blocks if block.kind == "sh" for line in block.text.splitlines()
        ]

    @property
    def printed(self) -> str:
        """The text of all blocks that show what is printed."""
        return "".join(block.text for block in self.blocks if block.kind == "text")


def steps(page: Path = TUTORIAL) -> list[Step]:
    """The sections of ``page`` whose titles begin with a number."""
    sections = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[1:]
    return [
        Step(
            section.partition("\n")[0],
            tuple(
                Block(kind, text)
                for kind, text in re.findall(
                    r"^```(sh|text|diff)\n(.*?)^```", section, re.DOTALL | re.MULTILINE
                )
            ),
        )
        for section in sections
        if re.match(r"\d", section)
    ]


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


def run(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command of a page; ``.venv`` is used as it is."""
    command = re.sub(r"^make ", "make -o .venv/ready ", command)
    # A make that runs the tests would have the commands' own makes print as its parts.
    ours = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ours | {"COLUMNS": "160"},
    )


def edit(diff: str, root: Path) -> None:
    """Applies the edits of a ``diff`` block: ``--- FILE``, then lines kept, removed and added."""
    for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        lines = body.splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
        after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        text = (root / name).read_text()
        assert text.count(before) == 1, f"{name} has these lines {text.count(before)} times"
        (root / name).write_text(text.replace(before, after))
