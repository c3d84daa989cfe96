"""The `[user_keys]` and `[vault]` sections of server.toml."""

from __future__ import annotations

from pathlib import Path

from .toml_config import Section


class MasterKeySection(Section):
    """The master key from which the keys of users, or of the vault, are derived.

    Attributes:
        master_key_file: at least 32 random characters. With several lines the first one is used,
            and the others open what was encrypted with them before.
    """

    master_key_file: Path
