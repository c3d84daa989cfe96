"""What the sections of server.toml for data stores have in common: an address and a password."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import model_validator

from .server_config import Port
from .toml_config import Section


class PasswordSection(Section):
    """Base of the sections for services that need a password.

    Attributes:
        password_file: file with the password, such as a mounted Secret.
        password_env: name of the environment variable with the password, for clouds that set
            variables from secrets.
    """

    password_file: Path | None = None
    password_env: str | None = None

    @model_validator(mode="after")
    def one_source_of_the_password(self) -> Self:
        if self.password_file is not None and self.password_env is not None:
            raise ValueError("set password_file or password_env, not both")
        return self

    def password(self) -> str | None:
        """Read the password; never cached, because Secrets rotate. Raises `OSError`."""
        if self.password_file is not None:
            return self.password_file.read_text().strip()
        if self.password_env is None:
            return None
        if self.password_env not in os.environ:
            raise OSError(f"{self.password_env} is not set")
        return os.environ[self.password_env]


class PostgresSection(PasswordSection):
    """Base of the sections for PostgreSQL.

    With `ca_file`, connections use TLS and verify the server's certificate and name.
    """

    host: str
    port: Port = 5432
    name: str
    user: str
    ca_file: Path | None = None
