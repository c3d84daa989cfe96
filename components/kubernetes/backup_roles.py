"""The roles as which jobs of backups log in to PostgreSQL, and the files that they need for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..mcp.server_config import INTERNAL_CA_PATH, SECRETS_PATH
from .container import SecretFiles

AUTHORITY: Final = f"{INTERNAL_CA_PATH}/ca.crt"


@dataclass(frozen=True, kw_only=True)
class BackupRole:
    """A role of a database.

    Attributes:
        name: without the owner's name and underscore before it.
        password_key: key of its password in the Secret of passwords.
    """

    name: str
    password_key: str

    @property
    def password_file(self) -> str:
        """Where its password is mounted."""
        return f"{SECRETS_PATH}/{self.password_key}"

    def user(self, owner: str) -> str:
        """Its name in a database of an owner."""
        return f"{owner}_{self.name}"


BACKUP_ROLE: Final = BackupRole(name="backup", password_key="backup-password")  # noqa: S106
"""Reads everything."""
RESTORE_ROLE: Final = BackupRole(name="restore", password_key="restore-password")  # noqa: S106
"""Makes databases for the owner."""


def database_files(
    role: BackupRole, passwords_secret: str, authority_secret: str
) -> list[SecretFiles]:
    """The files with the role's password and with the CA of the database."""
    return [
        SecretFiles(secret=passwords_secret, path=SECRETS_PATH, keys=(role.password_key,)),
        SecretFiles(secret=authority_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",)),
    ]


def database_section(role: BackupRole, *, host: str, name: str, owner: str) -> dict[str, str]:
    """The section of a job's configuration file that says how to log in."""
    return {
        "host": host,
        "name": name,
        "user": role.user(owner),
        "password_file": role.password_file,
        "ca_file": AUTHORITY,
    }
