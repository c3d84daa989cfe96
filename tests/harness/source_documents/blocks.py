"""Splits a source document into its code blocks and the lines of text between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_FENCE: Final = re.compile(r" *```(\w*) *$")
_HEADING: Final = re.compile(r"#+ +(.+)|\*\*([^*]+)\*\*:? *$")
_FILE: Final = re.compile(r" *(?:#|//) *((?:[\w.-]+/)*\.?[\w-]+(?:\.[\w-]+)+) *(?:$|- )")


@dataclass(frozen=True)
class Block:
    """A code block, or lines of text under one heading.

    Attributes:
        title: the file that its first lines name, else the heading above it.
        language: as after the opening fence; ``text`` for lines outside of code blocks.
        lines: without the fences.
    """

    title: str
    language: str
    lines: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """All lines, without the indentation that they share."""
        indents = [len(line) - len(line.lstrip()) for line in self.lines if line.strip()]
        cut = min(indents, default=0)
        return "\n".join(line[cut:] for line in self.lines)


def blocks(document: str) -> Iterator[Block]:
    """The code blocks and the texts of a document, in order.

    Raises:
        ValueError: the last code block has no end.
    """
    heading, block = "", Block("", "text")
    for line in document.splitlines():
        fence = _FENCE.match(line)
        if block.language != "text":
            if fence:
                yield _named(block)
                block = Block(heading, "text")
            else:
                block.lines.append(line)
        elif fence:
            yield block
            block = Block(heading, fence[1] or "diagram")
        elif found := _HEADING.match(line):
            yield block
            heading = (found[1] or found[2]).strip()
            block = Block(heading, "text")
        else:
            block.lines.append(line)
    if block.language != "text":
        raise ValueError(f"the code block under {heading!r} has no end")
    yield block


def _named(block: Block) -> Block:
    files = [found[1] for line in block.lines[:2] if (found := _FILE.match(line))]
    return Block(files[0] if files else block.title, block.language, block.lines)
