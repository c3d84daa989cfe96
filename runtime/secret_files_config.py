"""The entries of `[[secret_files]]` in server.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from .toml_config import Section

Name = Annotated[str, Field(min_length=1, max_length=253)]


class SecretFileSection(Section):
    """An entry of `[[secret_files]]`: a mounted file with a value of a Secret.

    Attributes:
        name: of the Secret.
        key: its key.
        file: where the value is mounted.
    """

    name: Name
    key: Name
    file: Path


def _differ(files: tuple[SecretFileSection, ...]) -> tuple[SecretFileSection, ...]:
    entries = [f"{one.name}/{one.key}" for one in files]
    if twice := sorted({entry for entry in entries if entries.count(entry) > 1}):
        raise ValueError(f"each key of a Secret has one entry: {', '.join(twice)} is there twice")
    return files


SecretFileSections = Annotated[tuple[SecretFileSection, ...], AfterValidator(_differ)]
