"""The platform's PostgreSQL and Valkey, with the same outputs wherever they come from."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from .aws.database import Rds, rds
from .azure.database import AzurePostgresql, azure_postgresql
from .base.component import Component
from .base.kubernetes_object import Manifest
from .gcp.database import CloudSql, cloud_sql
from .kubernetes.embedded_data import Embedded, embedded, embedded_manifests
from .mcp.data_contract import Contents


@dataclass(frozen=True, kw_only=True)
class DataTierArgs(Contents):
    """What the data tier needs to know.

    Attributes:
        kind: what it is made of, with what that needs to be told.
        database, user: created on the first start; the user owns the database.
        cache_profile: see CacheProfile.
        protect: refuse to delete what holds data.
    """

    kind: Embedded | Rds | CloudSql | AzurePostgresql


class DataTier(Component[DataTierArgs]):
    """PostgreSQL and Valkey; both take TLS connections of those who prove who they are.

    Attributes:
        database_host, database_port: of PostgreSQL; an empty host without one.
        database_name, database_user: as they were given; the user as the place calls it where
            that has a name of its own for it.
        database_credentials: where the user's password is kept, in the words of the place: a
            Secret's name, an ARN, a resource's id; never the password.
        cache_host, cache_port: of Valkey; an empty host without one.
        cache_user: whose rights clients have there; ``default`` where a password is enough.
    """

    args_type = DataTierArgs

    database_host: pulumi.Output[str]
    database_port: pulumi.Output[int]
    database_name: pulumi.Output[str]
    database_user: pulumi.Output[str]
    database_credentials: pulumi.Output[str]
    cache_host: pulumi.Output[str]
    cache_port: pulumi.Output[int]
    cache_user: pulumi.Output[str]

    database: pulumi.Resource
    """What a migration waits for; the data tier itself without PostgreSQL."""

    def build(self, args: DataTierArgs) -> None:
        match args.kind:
            case Embedded():
                made = embedded(self, args.kind, args)
            case Rds():
                made = rds(self, args.kind, args)
            case CloudSql():
                made = cloud_sql(self, args.kind, args)
            case AzurePostgresql():
                made = azure_postgresql(self, args.kind, args)
        self.database = made.database or self
        self.database_host = pulumi.Output.from_input(made.database_host)
        self.database_port = pulumi.Output.from_input(made.database_port)
        self.database_name = pulumi.Output.from_input(args.database)
        self.database_user = pulumi.Output.from_input(made.database_user or args.user)
        self.database_credentials = pulumi.Output.from_input(made.database_credentials)
        self.cache_host = pulumi.Output.from_input(made.cache_host)
        self.cache_port = pulumi.Output.from_input(made.cache_port)
        self.cache_user = pulumi.Output.from_input(made.cache_user)

    @classmethod
    def manifests(cls, name: str, args: DataTierArgs) -> list[Manifest]:
        """Every Kubernetes object that a data tier of this name and args registers."""
        match args.kind:
            case Embedded():
                return embedded_manifests(name, args.kind, args)
            case Rds() | CloudSql() | AzurePostgresql():
                return []
