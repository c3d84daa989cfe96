"""Where a server in a pod finds the password and the CA of each data store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..base.inputs import applied
from .audit_log import AuditDatabase
from .secret_key import SecretKey
from .server_config import INTERNAL_CA_PATH, SECRETS_PATH, Cache, Database, PodServerConfig

Store = Database | Cache | AuditDatabase


@dataclass(frozen=True, kw_only=True)
class StorePaths:
    """The files of one store.

    Attributes:
        password_key: key of its password in the server's Secret of passwords.
        path: directory for a password of another Secret; its CA's is beside it.
    """

    password_key: str
    path: str

    @property
    def authority_path(self) -> str:
        """Directory for a CA of another Secret."""
        return f"{self.path}-ca"

    def password(self, store: Store) -> str:
        """The file with the password."""
        return self.password_at(store.password)

    def password_at(self, key: SecretKey | None) -> str:
        """The file with the password; None: the server's Secret of passwords has it."""
        return f"{SECRETS_PATH}/{self.password_key}" if key is None else f"{self.path}/{key.key}"

    def authority(self, store: Store) -> str:
        """The file with the CA of the certificate."""
        if store.authority is None:
            return f"{INTERNAL_CA_PATH}/ca.crt"
        return f"{self.authority_path}/{store.authority.key}"


DATABASE: Final = StorePaths(password_key="database-password", path="/etc/database")  # noqa: S106
CACHE: Final = StorePaths(password_key="redis-password", path="/etc/cache")  # noqa: S106


AUDIT: Final = StorePaths(password_key="audit-password", path="/etc/audit")  # noqa: S106
AUDIT_OWNER: Final = StorePaths(
    password_key="audit-keeper-password",  # noqa: S106
    path="/etc/audit-keeper",
)


def has_password(store: Store) -> bool:
    """Whether a password logs in to the store, and no token."""
    return getattr(store, "token", None) is None


def stores_of(config: PodServerConfig) -> list[tuple[Store, StorePaths]]:
    """The data stores of a server, each with its files."""
    every = ((config.database, DATABASE), (config.cache, CACHE), (config.audit, AUDIT))
    return [(store, paths) for store, paths in every if store is not None]


def sentinel_addresses(cache: Cache) -> dict[str, Any]:
    """The field of server.toml with the Sentinels, if there are any."""

    def address(host: str) -> str:
        return f"{host}:{cache.sentinel_port}"

    named = [applied(address, host) for host in cache.sentinels]
    return {"sentinels": named} if named else {}
