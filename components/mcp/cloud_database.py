"""PostgreSQL of a server in a cloud, whose password it reads from the cloud's secret store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.arg_types import DatabaseName, Host, PortNumber, SecretArn

AUTHORITY_VARIABLE: Final = "DATABASE_AUTHORITY"
"""Environment variable with the CAs of the database's certificate."""


@dataclass(frozen=True, kw_only=True)
class CloudDatabase:
    """A PostgreSQL in the network of the server.

    Attributes:
        host, port: of the database.
        name: of the database.
        user: the role that owns it.
        password_secret: ARN of the JSON secret with the key ``password``; it may rotate.
    """

    host: pulumi.Input[Host]
    user: pulumi.Input[DatabaseName]
    password_secret: pulumi.Input[SecretArn]
    port: PortNumber = 5432
    name: DatabaseName = "qudag_mcp"

    def table(self) -> dict[str, Any]:
        """The section of server.toml."""
        return {
            "host": self.host,
            "port": self.port,
            "name": self.name,
            "user": self.user,
            "password_secret": self.password_secret,
            "ca_env": AUTHORITY_VARIABLE,
        }
