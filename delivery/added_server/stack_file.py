"""Changes a stack file in one step: it has the old content or the new one, also after Ctrl-C."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.stack_files import OURS, project_name, read_stack_files
from graph.stack_yaml import read_stack_file
from stacks.config.error_messages import KEY_PREFIX

from .refusals import mapping, refused
from .stack_text import BY_HAND, Entry, with_entry

SECTION = f"{KEY_PREFIX}servers"


@dataclass(frozen=True)
class StackFile:
    """A stack file as it was read.

    Attributes:
        file: without links.
        data: its content.
        config: its configuration by key.
    """

    root: Path
    stack: str
    file: Path
    data: bytes
    config: Mapping[str, Any]

    @classmethod
    def read(cls, root: Path, stack: str) -> StackFile:
        """The file of a stack of this project's program.

        Raises:
            ProblemReport: there is no such stack, its file is not correct, or the program is
                another project's.
        """
        if (project := project_name(root)) != OURS:
            raise refused(
                str(root),
                f"its program is {project}, and only {OURS} has the section servers",
                "call this in a clone of this project, or use the component UserServer",
            )
        read_stack_files(root, stack)
        file = (root / f"Pulumi.{stack}.yaml").resolve()
        return cls(root, stack, file, file.read_bytes(), read_stack_file(file))

    @property
    def servers(self) -> Mapping[str, Any]:
        """The entries of the section ``servers``."""
        return mapping(self.config.get(self._key))

    @property
    def assigns_user_ids(self) -> bool:
        """Whether the cluster assigns user ids, so that a server can have none."""
        pods = mapping(self.config.get(f"{KEY_PREFIX}kubernetes")).get("pods")
        return mapping(pods).get("userIds") == "platform"

    @property
    def _key(self) -> str:
        plain = SECTION.removeprefix(KEY_PREFIX)
        return plain if plain in self.config else SECTION

    def with_server(self, entry: Entry) -> str:
        """The text of the file with this entry, in which everything else is unchanged.

        Raises:
            ProblemReport: the entry cannot be inserted into what the file has.
        """
        text = with_entry(self.data.decode(), SECTION, entry)
        servers = {**self.servers, entry.name: dict(entry.fields)}
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, self.file.name)
            copy.write_bytes(text.encode())
            if read_stack_file(copy) != {**self.config, self._key: servers}:
                raise refused(self.file.name, "has no place for the entry that is safe", BY_HAND)
        return text

    def validate(self, entry: Entry) -> None:
        """Refuse the entry if the stack would be refused with it, as ``preview`` does."""
        from graph.programs import record_files
        from policies.checked_program import refuse_broken

        files = read_stack_files(self.root, self.stack)
        servers = {**self.servers, entry.name: dict(entry.fields)}
        refuse_broken(record_files(self.root, files.over({SECTION: servers})), self.root)

    def difference(self, text: str) -> str:
        """A unified diff from the file to the text."""
        before, after = self.data.decode().splitlines(), text.splitlines()
        name = self.file.name
        lines = difflib.unified_diff(before, after, name, name, n=2, lineterm="")
        return "\n".join(lines)

    def write(self, text: str) -> None:
        """Replace the file.

        Raises:
            ProblemReport: it has changed since it was read.
        """
        handle, name = tempfile.mkstemp(prefix=f".{self.file.name}.", dir=self.file.parent)
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(text.encode())
                opened.flush()
                os.fsync(opened.fileno())
            shutil.copymode(self.file, new)
            if self.file.read_bytes() != self.data:
                raise refused(
                    self.file.name,
                    "has changed since this command read it",
                    "save it in your editor, and run this again",
                )
            new.replace(self.file)
        finally:
            with contextlib.suppress(FileNotFoundError):
                new.unlink()
