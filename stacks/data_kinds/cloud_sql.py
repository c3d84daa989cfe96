"""PostgreSQL of Cloud SQL, which a service account logs in to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import pulumi

from components.base.problems import Problem
from components.mcp.data_tier import CacheProfile, Stores
from components.mcp.database import DatabaseToken, Verified

from ..config.managed_data import CloudSql
from ..config.problem import at
from ..config.stack import StackConfig
from ..targets.gcp import gcp_location
from ..targets.gcp_sections import Gcp
from ..topologies.topology import POSTGRES
from .kind import Tier
from .managed import ManagedKind, protected

if TYPE_CHECKING:
    from components.gcp.database import CloudSqlDataTier
    from components.gcp.database_args import CloudSqlDataTierArgs

MACHINES: Final = {"dev": "db-custom-1-3840"}
BACKUP_DAYS: Final = {"prod": 14}


def section_of(config: StackConfig) -> CloudSql:
    """The kind's section."""
    assert config.data.cloud_sql is not None  # the_kind_has_its_section
    return config.data.cloud_sql


def cloud_sql_args(
    config: StackConfig,
    stores: Sequence[str],  # noqa: ARG001
    namespace: pulumi.Input[str],  # noqa: ARG001
) -> CloudSqlDataTierArgs:
    """The instance in the network of ``clouds.gcp``."""
    from components.gcp.database_args import CloudSqlDataTierArgs

    where, options = config.clouds.of("gcp"), section_of(config)
    assert isinstance(where, Gcp)
    environment, available = config.environment, options.high_availability
    return CloudSqlDataTierArgs(
        location=gcp_location(where),
        stores=Stores.DATABASE,
        cache_profile=CacheProfile(config.data.cache_profile),
        protect=protected(config),
        account=options.account,
        database_machine=options.machine or MACHINES.get(environment, "db-custom-2-7680"),
        storage_gb=options.storage_gb,
        high_availability=environment == "prod" if available is None else available,
        read_replica=options.read_replica,
        backup_days=options.backup_days or BACKUP_DAYS.get(environment, 7),
        kms_key=where.kms_key,
    )


def _component(
    name: str, args: CloudSqlDataTierArgs, *, opts: pulumi.ResourceOptions
) -> CloudSqlDataTier:
    from components.gcp.database import CloudSqlDataTier

    return CloudSqlDataTier(name, args, opts)


CLOUD_SQL_TIER: Final = Tier(name="data", component=_component, args=cloud_sql_args, cloud="gcp")


class CloudSqlDatabase(ManagedKind):
    """PostgreSQL of Cloud SQL; the servers log in with tokens of its service account."""

    name = "cloud-sql"
    store = POSTGRES
    tier = CLOUD_SQL_TIER
    section = "cloud_sql"
    section_required = True
    arg_fields = {"database_machine": "machine"}

    def options(self, config: StackConfig) -> CloudSql:
        return section_of(config)

    def login(self, config: StackConfig) -> dict[str, str]:
        return {"user": section_of(config).account.removesuffix(".gserviceaccount.com")}

    def token(self, config: StackConfig) -> DatabaseToken:  # noqa: ARG002
        return "cloud-sql"

    def account(self, config: StackConfig) -> str:
        return section_of(config).account

    def verify(self, config: StackConfig) -> Verified:  # noqa: ARG002
        # The CA signs the certificates of one instance, and these have no DNS name.
        return "ca"

    def location_problems(self, config: StackConfig) -> Iterator[Problem]:
        where = config.clouds.of("gcp")
        if isinstance(where, Gcp) and where.network is None:
            yield at(
                "clouds.gcp.network",
                "is missing, and data.kind is cloud-sql",
                "the database would have a public address, or none",
                "set the id of your network, which has private services access",
            )
