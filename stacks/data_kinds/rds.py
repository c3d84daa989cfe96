"""PostgreSQL of Amazon RDS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import pulumi

from components.base.problems import Problem
from components.kubernetes.pod_settings import SecretKey
from components.mcp.data_tier import CacheProfile, Stores

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
    """PostgreSQL of Amazon RDS; AWS creates and rotates the password."""

    name = "rds"
    store = POSTGRES
    tier = RDS_TIER
    section = "rds"
    arg_fields = {"allowed_networks": "clients", "database_machine": "machine"}

    def options(self, config: StackConfig) -> Any:
        return config.data.rds or Rds()

    def password(self, config: StackConfig) -> SecretKey:
        return secret_key(self.options(config).password)

    def location_problems(self, config: StackConfig) -> Iterator[Problem]:
        where = config.clouds.of("aws")
        if isinstance(where, Aws) and where.network is None:
            yield at(
                "clouds.aws.network",
                "is missing, and data.kind is rds",
                "the database has no subnets to stand in",
                "set vpc, cidr, publicSubnets and privateSubnets",
            )
