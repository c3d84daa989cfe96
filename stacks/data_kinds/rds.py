"""PostgreSQL of Amazon RDS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import pulumi

from components.base.problems import Problem
from components.kubernetes.pod_settings import SecretKey
from components.mcp.data_tier import CacheProfile, Stores
from components.mcp.database import DatabaseToken

from ..config.managed_data import Rds
from ..config.problem import at
from ..config.stack import StackConfig
from ..targets.aws import aws_location, aws_network
from ..targets.aws_sections import Aws
from ..topologies.topology import POSTGRES
from .external import secret_key
from .kind import Tier
from .managed import ManagedKind, protected

if TYPE_CHECKING:
    from components.aws.database import RdsDataTier
    from components.aws.database_args import RdsDataTierArgs

MACHINES: Final = {"dev": "db.t4g.micro"}
BACKUP_DAYS: Final = {"dev": 1, "staging": 7, "prod": 14}


def rds_args(
    config: StackConfig,
    stores: Sequence[str],  # noqa: ARG001
    namespace: pulumi.Input[str],  # noqa: ARG001
) -> RdsDataTierArgs:
    """The instance in the subnets of ``clouds.aws.network``."""
    from components.aws.database_args import RdsDataTierArgs

    where, options = config.clouds.of("aws"), config.data.rds or Rds()
    assert isinstance(where, Aws)
    assert where.network is not None  # ManagedKind.problems
    environment = config.environment
    available = options.high_availability
    return RdsDataTierArgs(
        location=aws_location(where),
        network=aws_network(where.network),
        stores=Stores.DATABASE,
        cache_profile=CacheProfile(config.data.cache_profile),
        protect=protected(config),
        allowed_networks=options.clients,
        database_machine=options.machine or MACHINES.get(environment, "db.t4g.medium"),
        storage_gb=options.storage_gb,
        max_storage_gb=options.max_storage_gb,
        high_availability=environment == "prod" if available is None else available,
        read_replica=options.read_replica,
        backup_days=options.backup_days or BACKUP_DAYS[environment],
        kms_key=where.kms_key,
    )


def _component(name: str, args: RdsDataTierArgs, *, opts: pulumi.ResourceOptions) -> RdsDataTier:
    from components.aws.database import RdsDataTier

    return RdsDataTier(name, args, opts)


RDS_TIER: Final = Tier(name="data", component=_component, args=rds_args, cloud="aws")


class RdsDatabase(ManagedKind):
    """PostgreSQL of Amazon RDS; AWS rotates the password, unless a user logs in with tokens."""

    name = "rds"
    store = POSTGRES
    tier = RDS_TIER
    section = "rds"
    arg_fields = {"allowed_networks": "clients", "database_machine": "machine"}

    def options(self, config: StackConfig) -> Rds:
        return config.data.rds or Rds()

    def login(self, config: StackConfig) -> dict[str, str]:
        user = self.options(config).token_user
        return {"user": user} if user else {}

    def password(self, config: StackConfig) -> SecretKey | None:
        section = self.options(config)
        return None if section.token_user else secret_key(section.password)

    def token(self, config: StackConfig) -> DatabaseToken | None:
        return "rds" if self.options(config).token_user else None

    def problems(self, config: StackConfig) -> Iterator[Problem]:
        """As of every kind, and two ways to log in."""
        yield from super().problems(config)
        section = self.options(config)
        if section.token_user and "password" in section.model_fields_set:
            yield at(
                "data.rds.tokenUser",
                "is set, and password as well",
                "it is not known which of the two logs in",
                "leave one of the two out",
            )

    def location_problems(self, config: StackConfig) -> Iterator[Problem]:
        where = config.clouds.of("aws")
        if isinstance(where, Aws) and where.network is None:
            yield at(
                "clouds.aws.network",
                "is missing, and data.kind is rds",
                "the database has no subnets to stand in",
                "set vpc, cidr, publicSubnets and privateSubnets",
            )
