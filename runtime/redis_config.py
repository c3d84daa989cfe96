"""The section of server.toml for Valkey or Redis: an address, and a password or a token."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from .renewed_token import RenewedToken
from .server_config import Connections, Port
from .store_config import LOOPBACK, PasswordSection, Region
from .token_sources import CacheTokens, cache_token

_NEEDED = {"elasticache": ("user", "cache_name"), "azure": ("user",), "memorystore": ()}
"""Fields that each token needs."""


class RedisSection(PasswordSection):
    """The `[redis]` section: a Valkey or Redis whose state `/ready` reports.

    With `ca_file` or `public_authorities`, connections use TLS and verify the server's certificate
    and name.

    Attributes:
        user: of its access control list; without one, the user `default`.
        sentinels: `host:port` of Sentinels, which name the primary; `host` and `port` are unused
            then. They accept the same user, and have certificates of the same CA.
        max_connections: of one process, for its sessions; more requests wait.
        public_authorities: trust the CAs of the operating system in place of `ca_file`.
        token: in place of a password, a token of the cloud: `elasticache` (IAM of AWS),
            `memorystore` (IAM of Google Cloud) or `azure` (Entra). A Memorystore has a CA
            of its own, which signs no other certificates: the name in them is not compared.
        region: of AWS; None: `AWS_REGION`.
        cache_name: id of the replication group, for which a token of `elasticache` is signed.
    """

    host: str
    port: Port = 6379
    sentinels: tuple[Annotated[str, Field(pattern=r"^[^\s:]+:[0-9]{1,5}$")], ...] = ()
    user: Annotated[str, Field(pattern=r"^\S+$")] | None = None
    ca_file: Path | None = None
    max_connections: Connections = 20
    public_authorities: bool = False
    token: CacheTokens | None = None
    region: Region | None = None
    cache_name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,39}$")] | None = None

    @model_validator(mode="after")
    def a_token_is_sent_to_the_cache_alone(self) -> Self:
        if self.public_authorities and self.ca_file is not None:
            raise ValueError("set ca_file or public_authorities, not both")
        given = {"region": self.region, "cache_name": self.cache_name}
        for name, value in given.items():
            if value is not None and self.token != "elasticache":  # noqa: S105  (no password)
                raise ValueError(f"{name} is set, and token is not elasticache: leave {name} out")
        if self.token is None:
            return self
        if self.password_file is not None or self.password_env is not None:
            raise ValueError(f"token is {self.token}, and there is a password: leave one out")
        if self.sentinels:
            raise ValueError(f"token is {self.token}, and there are sentinels: leave one out")
        for name in _NEEDED[self.token]:
            if getattr(self, name) is None:
                raise ValueError(f"token is {self.token}, and {name} is missing")
        if self.token == "memorystore" and self.public_authorities:  # noqa: S105
            raise ValueError(
                "token is memorystore, and public_authorities is true: any server with a public "
                "certificate would get the token; name the CA of the instance in ca_file"
            )
        if not self.encrypted and self.host not in LOOPBACK:
            raise ValueError(
                f"token is {self.token}, and ca_file is missing: the token would be sent to "
                "whoever answers; name the CAs of the cache's certificate"
            )
        return self

    @property
    def encrypted(self) -> bool:
        """Whether connections use TLS."""
        return self.ca_file is not None or self.public_authorities

    @property
    def has_name_in_certificate(self) -> bool:
        """Whether the certificate names the host; otherwise its CA is the server's own."""
        return self.token != "memorystore"  # noqa: S105

    def password(self) -> str | None:
        """The first line; a second one is that of a rotation, which Valkey accepts as well."""
        passwords = super().password()
        return passwords.split("\n", 1)[0].strip() if passwords else passwords

    def cloud_token(self) -> RenewedToken | None:
        """The token in place of a password, which all connections of this process share."""
        if self.token is None:
            return None
        return cache_token(self.token, self.cache_name, self.user, self.region)
