"""Reports of a program that is refused or fails: its problems, in each form."""

from __future__ import annotations

import json as plain_json
from dataclasses import dataclass

from components.base.problems import ProblemReport
from graph.failures import ProgramFailed

from .html import rendered
from .markdown import LIMIT, as_code, as_plain, fenced, first_lines, marker


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A preview that ended with problems."""

    project: str
    stack: str
    problems: ProblemReport

    @property
    def traceback(self) -> str:
        """Of the program's own code; empty where the program was refused."""
        return self.problems.traceback if isinstance(self.problems, ProgramFailed) else ""


def markdown(found: Refusal) -> str:
    """A comment that takes the place of an earlier report."""
    lines = [
        marker(found.project, found.stack),
        f"### `{found.stack}`: refused",
        "",
        "There is no preview of this change.",
        "",
    ]
    for one in found.problems.problems:
        lines += [
            f"- {as_code(one.path)}: {as_plain(one.what)}",
            f"  - so: {as_plain(one.consequence)}",
            f"  - fix: {as_plain(one.fix)}",
        ]
    if found.traceback:
        lines += ["", *fenced("text", found.traceback.splitlines())]
    return "\n".join(first_lines("\n".join(lines).splitlines(), LIMIT - 1000)) + "\n"


def html(found: Refusal) -> str:
    """A page in the place of the report."""
    return rendered("refusal.html.j2", refusal=found)


def json(found: Refusal) -> str:
    """The problems as data."""
    document = {
        "project": found.project,
        "stack": found.stack,
        "refused": [vars(one) for one in found.problems.problems],
    }
    return plain_json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def tree(found: Refusal) -> str:
    """As the command prints it."""
    return f"{found.problems}\n"
