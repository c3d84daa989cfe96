"""Files by which this program and `pg_dump` or `pg_restore` in another container take turns."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .toml_config import StartError

POLL_SECONDS = 0.1
DUMP = "dump"
SNAPSHOT = "snapshot"
DATABASE = "database"
ENDED = "ended"
"""Says to the other container that this program has ended, so that it does not wait."""


@dataclass(frozen=True)
class Exchange:
    """The shared directory.

    Attributes:
        directory: where the files are.
        wait_seconds: how long to wait for the other container.
    """

    directory: Path
    wait_seconds: float

    @property
    def data(self) -> Path:
        """The file with the data of the database."""
        return self.directory / DUMP

    def begin(self) -> None:
        """Remove what an earlier try left; raises `StartError` if the directory is read-only."""
        try:
            for name in (DUMP, SNAPSHOT, DATABASE, ENDED, "status"):
                (self.directory / name).unlink(missing_ok=True)
        except OSError as error:
            raise StartError(f"{self.directory} cannot be written: {error}") from None

    def tell(self, name: str, text: str) -> None:
        """Write a file at once, so that nobody reads half of it."""
        part = self.directory / f"{name}.part"
        part.write_text(text)
        part.replace(self.directory / name)

    def end(self) -> None:
        """Say that this program has ended, where the directory can be written."""
        with suppress(OSError):
            self.tell(ENDED, "")

    def wait(self, program: str) -> None:
        """Wait until the other container has run ``program``.

        Raises:
            StartError: it failed, or did not end in time.
        """
        status = self.directory / "status"
        deadline = time.monotonic() + self.wait_seconds
        while not status.exists():
            if time.monotonic() >= deadline:
                raise StartError(f"{program} did not end within {self.wait_seconds:g} s")
            time.sleep(POLL_SECONDS)
        if (code := status.read_text().strip()) != "0":
            raise StartError(f"{program} failed with exit status {code}: its log says why")
