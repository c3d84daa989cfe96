"""A restore as text: commands with their purpose, or manifests, and what differs afterwards."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graph.manifests import to_yaml
from graph.resource_graph import Resource

WIDTH: Final = 98


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of a cloud's own command line.

    Attributes:
        purpose: what it does.
        words: the command; a word that begins with ``$`` is a variable of an earlier command.
        variable: shell variable that takes its output; None: it is printed.
    """

    purpose: str
    words: Sequence[str]
    variable: str | None = None

    def text(self) -> str:
        """The command with a comment, one option a line."""
        lines = [""]
        for word in self.words:
            written = f'"{word}"' if word.startswith("$") else shlex.quote(word)
            if word.startswith("--"):
                lines.append(written)
            else:
                lines[-1] = f"{lines[-1]} {written}".strip()
        joined = " \\\n  ".join(lines)
        if self.variable:
            joined = f"{self.variable}=$({joined})"
        return f"{comment(self.purpose)}\n{joined}\n"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to restore, for a person to read and to run.

    Attributes:
        title: what is restored, to when, and to what.
        commands: of the cloud's command line, in their order.
        manifests: Kubernetes objects to apply in place of commands.
        differs: what of the live one the restored one does not have.
        external: the section ``data.external`` with which the stack uses the restored one; None:
            it cannot.
        component: of the live one, which Pulumi must keep.
        stack: name of the stack.
    """

    title: str
    commands: Sequence[Command] = ()
    manifests: Sequence[Mapping[str, Any]] = ()
    differs: Sequence[str]
    external: Mapping[str, Any] | None
    component: Resource
    stack: str

    def text(self) -> str:
        """A shell script, or YAML of the manifests; everything else is in comments."""
        parts = [comment(f"{self.title} Nothing was run: read it, then run it yourself."), ""]
        parts += [each.text() for each in self.commands]
        after = [comment("What differs from the live one:")]
        after += [comment(f"- {each}") for each in self.differs]
        after += ["#", *self._afterwards()]
        if not self.manifests:
            return "\n".join([*parts, *after]) + "\n"
        documents = "".join(f"---\n{to_yaml(dict(each))}" for each in self.manifests)
        return "\n".join([*parts, *after]) + "\n" + documents

    def _afterwards(self) -> list[str]:
        looked = [
            comment(
                "Then look at the restored database. Copy what is missing back with pg_dump and "
                "psql, and delete the restored one; the stack stays as it is."
            )
        ]
        if self.external is None:
            return looked
        section = to_yaml({"data": {"kind": "external", "external": dict(self.external)}})
        head, _, name = self.component.urn.rpartition("::")
        excluded = f"{head}**::{name}**"
        return [
            *looked,
            "#",
            comment(
                f"Or let the stack use it. In Pulumi.{self.stack}.yaml keep the other fields of "
                "data, but the section of the kind, and write:"
            ),
            textwrap.indent(section.rstrip(), "#   "),
            comment(
                "Then move the servers, and remove the old database from Pulumi's state without "
                "deleting it:"
            ),
            f"#   pulumi up --stack {shlex.quote(self.stack)} --exclude {shlex.quote(excluded)}",
            f"#   pulumi state delete --stack {shlex.quote(self.stack)} --force "
            f"--target-dependents {shlex.quote(self.component.urn)}",
            comment("From then on the old one and what belongs to it are yours to delete."),
        ]


def comment(text: str) -> str:
    """Text as lines of a comment."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def flag(condition: bool, name: str) -> list[str]:
    """The option with this name, or the one that says the opposite."""
    return [f"--{name}" if condition else f"--no-{name}"]
