"""What every data tier has in common: its args, its outputs, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

import pulumi

from ..base.arg_types import DatabaseName
from ..base.component import Component
from ..base.problems import Problem

POSTGRES: Final = 5432
VALKEY: Final = 6379
SENTINEL: Final = 26379


class CacheProfile(Enum):
    """What Valkey holds.

    SESSIONS: kept when one of its servers fails; writes fail rather than evict when memory is full.
    CACHE: may be lost; the least recently used is evicted.
    """

    SESSIONS = "sessions"
    CACHE = "cache"


@dataclass(frozen=True, kw_only=True)
class DataTierArgs:
    """What every data tier is given.

    Attributes:
        database: name of the database, created on the first start.
        cache_profile: see CacheProfile.
        protect: refuse to delete what holds data.
    """

    database: DatabaseName = "qudag_mcp"
    cache_profile: CacheProfile = CacheProfile.SESSIONS
    protect: bool = False

    def refusals(self) -> list[Problem]:
        """Everything that cannot work; each subclass adds its own checks."""
        return []


class CacheCommands(Enum):
    """What the user of a cache in a cloud may do.

    DATA: everything but commands of administrators and dangerous ones; for any program.
    SESSIONS: the commands that the reference server sends.
    """

    DATA = "data"
    SESSIONS = "sessions"


class Stores(Enum):
    """Which data stores a managed data tier creates."""

    BOTH = "both"
    DATABASE = "database"
    CACHE = "cache"


@dataclass(frozen=True, kw_only=True)
class ManagedDataTierArgs(DataTierArgs):
    """What a data tier in a cloud is given.

    Attributes:
        stores: which of PostgreSQL and Valkey it creates. Settings of the other one have no effect.
    """

    stores: Stores = Stores.BOTH

    @property
    def has_database(self) -> bool:
        """Whether it creates PostgreSQL."""
        return self.stores is not Stores.CACHE

    @property
    def has_cache(self) -> bool:
        """Whether it creates Valkey."""
        return self.stores is not Stores.DATABASE


@dataclass(frozen=True, kw_only=True)
class DataTierResources:
    """The resources of a data tier, for its outputs.

    Attributes:
        database: the resource that a migration waits for; None without PostgreSQL.
        database_host, database_port: of PostgreSQL.
        database_user: the user that owns the database.
        database_credentials: where the user's credentials are: a Kubernetes Secret's name, an ARN
            or a resource's id; never the password.
        cache_host, cache_port: of Valkey.
        cache_user: the user that clients log in as.
        cache_name: id that tokens of ElastiCache are signed for; empty elsewhere.
        read_host: of PostgreSQL's read-only endpoint; None: the same host.
        read_credentials: where the credentials of that endpoint are; None: the same.
        ca: where the CA of the certificates is; empty where it is not known here.
        backup_location: URL of the bucket and path of the backups; empty without one.
    """

    database: pulumi.Resource | None
    database_host: pulumi.Input[str] = ""
    database_user: pulumi.Input[str] = ""
    database_credentials: pulumi.Input[str] = ""
    cache_host: pulumi.Input[str] = ""
    database_port: pulumi.Input[int] = POSTGRES
    cache_port: pulumi.Input[int] = VALKEY
    cache_user: pulumi.Input[str] = "default"
    cache_name: pulumi.Input[str] = ""
    read_host: pulumi.Input[str] | None = None
    read_credentials: pulumi.Input[str] | None = None
    ca: pulumi.Input[str] = ""
    backup_location: pulumi.Input[str] = ""


Args = TypeVar("Args", bound=DataTierArgs)


class DataTier(Component[Args]):
    """PostgreSQL and Valkey; both require TLS and authentication.

    Attributes:
        database_host, database_port: of PostgreSQL; an empty host without one.
        database_name: as it was given.
        database_user: the user that owns the database.
        database_credentials: where the user's credentials are: a Kubernetes Secret's name, an ARN
            or a resource's id; never the password.
        cache_host, cache_port: of Valkey; an empty host without one.
        cache_user: the user that clients log in as; ``default`` where they send a password only.
        cache_name: id of ElastiCache that tokens are signed for; empty elsewhere.
        host: of PostgreSQL's writable endpoint; the same as ``database_host``.
        read_host: of its read-only endpoint; ``host`` where there is no other.
        url_secret: where the credentials of the writable endpoint are: a Kubernetes Secret's name,
            an ARN or a resource's id; the same as ``database_credentials``.
        read_url_secret: where those of the read-only endpoint are.
        ca: where the CA of the certificates is: a Kubernetes Secret's name, the name that
            the cloud has for it, or with Cloud SQL the CA's certificate in PEM, which is no
            secret; empty where it is not known here.
        backup_location: URL of the bucket and path of the backups, such as ``s3://backups/weather``;
            empty where the backups are in the service itself, or there are none.
    """

    database_host: pulumi.Output[str]
    database_port: pulumi.Output[int]
    database_name: pulumi.Output[str]
    database_user: pulumi.Output[str]
    database_credentials: pulumi.Output[str]
    cache_host: pulumi.Output[str]
    cache_port: pulumi.Output[int]
    cache_user: pulumi.Output[str]
    cache_name: pulumi.Output[str]
    host: pulumi.Output[str]
    read_host: pulumi.Output[str]
    url_secret: pulumi.Output[str]
    read_url_secret: pulumi.Output[str]
    ca: pulumi.Output[str]
    backup_location: pulumi.Output[str]

    database: pulumi.Resource
    """The resource that a migration waits for; the data tier itself without PostgreSQL."""

    def build(self, args: Args) -> None:
        made = self.deploy(args)
        self.database = made.database or self
        self.database_host = pulumi.Output.from_input(made.database_host)
        self.database_port = pulumi.Output.from_input(made.database_port)
        self.database_name = pulumi.Output.from_input(args.database)
        self.database_user = pulumi.Output.from_input(made.database_user)
        self.database_credentials = pulumi.Output.from_input(made.database_credentials)
        self.cache_host = pulumi.Output.from_input(made.cache_host)
        self.cache_port = pulumi.Output.from_input(made.cache_port)
        self.cache_user = pulumi.Output.from_input(made.cache_user)
        self.cache_name = pulumi.Output.from_input(made.cache_name)
        self.host, self.url_secret = self.database_host, self.database_credentials
        self.read_host = _or(made.read_host, self.host)
        self.read_url_secret = _or(made.read_credentials, self.url_secret)
        self.ca = pulumi.Output.from_input(made.ca)
        self.backup_location = pulumi.Output.from_input(made.backup_location)

    def deploy(self, args: Args) -> DataTierResources:
        """Creates PostgreSQL and Valkey."""
        raise NotImplementedError


def _or(given: pulumi.Input[str] | None, otherwise: pulumi.Output[str]) -> pulumi.Output[str]:
    return otherwise if given is None else pulumi.Output.from_input(given)
