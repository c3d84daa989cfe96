"""What the sections of server.toml for data stores have in common: an address and a password."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .server_config import Port
from .token_sources import DatabaseTokens, database_password, password_of_secret
from .toml_config import Section

Region = Annotated[str, Field(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$")]
LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Hosts without `ca_file` for a token: a proxy in the same pod."""


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

    Attributes:
        token: in place of a password, a token of the cloud for each new connection: `rds` (IAM of
            AWS), `cloud-sql` (IAM of Google Cloud) or `azure` (Entra).
        region: of AWS; None: that in the host's name, else `AWS_REGION`.
        password_secret: in place of a password, the ARN of a JSON secret in AWS Secrets Manager
            with the key `password`, which the server reads with the role of its task or pod.
        ca_env: in place of `ca_file`, the variable with the CA certificates in PEM.
        verify: `full`: the CA and the name of the certificate. `ca`: the CA alone,
            for one that signs the certificates of this server and no other.
    """

    host: str
    port: Port = 5432
    name: str
    user: str
    ca_file: Path | None = None
    token: DatabaseTokens | None = None
    region: Region | None = None
    password_secret: (
        Annotated[str, Field(pattern="^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:")]
        | None
    ) = None
    ca_env: str | None = None
    verify: Literal["full", "ca"] = "full"

    @model_validator(mode="after")
    def an_authority_is_verified(self) -> Self:
        if self.verify == "ca" and self.ca_file is None and self.ca_env is None:
            raise ValueError("verify is ca, and ca_file is missing: name the CA")
        return self

    @model_validator(mode="after")
    def a_token_is_sent_to_the_database_alone(self) -> Self:
        if self.region is not None and self.token != "rds":  # noqa: S105  (no password)
            raise ValueError("region is set, and token is not rds: leave region out")
        if self.ca_file is not None and self.ca_env is not None:
            raise ValueError("set ca_file or ca_env, not both")
        if self.password_secret is not None:
            if self.password_file or self.password_env or self.token:
                raise ValueError("there is a password_secret: leave other passwords and token out")
            if self.ca_file is None and self.ca_env is None:
                raise ValueError("there is a password_secret: add ca_file or ca_env")
        if self.token is None:
            return self
        if self.password_file is not None or self.password_env is not None:
            raise ValueError(f"token is {self.token}, and there is a password: leave one out")
        if self.ca_file is None and self.ca_env is None and self.host not in LOOPBACK:
            raise ValueError(
                f"token is {self.token}, and ca_file is missing: the token would be sent to "
                "whoever answers; name the CAs of the database's certificate"
            )
        return self

    def password(self) -> str | None:
        """The password or token for a new connection; may ask a service, for some seconds.

        Raises `OSError`.
        """
        if self.password_secret is not None:
            return password_of_secret(self.password_secret)()
        if self.token is None:
            return super().password()
        return database_password(self.token, self.host, self.port, self.user, self.region)()

    def authorities(self) -> str | None:
        """The file with the CAs; raises `OSError` if the variable is not set."""
        if self.ca_env is None:
            return str(self.ca_file) if self.ca_file is not None else None
        if self.ca_env not in os.environ:
            raise OSError(f"{self.ca_env} is not set")
        return in_memory_file(os.environ[self.ca_env])


@cache
def in_memory_file(text: str) -> str:
    """The path of a file of this process alone: the host may have no directory to write to."""
    file = os.memfd_create("authorities")
    os.write(file, text.encode())
    return f"/proc/self/fd/{file}"
