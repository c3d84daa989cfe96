"""PostgreSQL and Valkey that somebody else runs: no pods, only addresses, a Secret and a CA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import pulumi

from components.base.problems import Problem
from components.kubernetes.party import Outside
from components.kubernetes.pod_settings import SecretKey
from components.mcp.database import DatabaseToken, Verified
from components.mcp.external_data import Endpoint, ExternalDataTier, ExternalDataTierArgs

from ..config import pods
from ..config.external_data import ExternalCache as CacheSection
from ..config.external_data import ExternalDatabase as DatabaseSection
from ..config.problem import at
from ..config.stack import StackConfig
from ..topologies.topology import POSTGRES, VALKEY
from .kind import DataKind, Tier


def external_args(
    config: StackConfig,
    stores: Sequence[str],
    namespace: pulumi.Input[str],  # noqa: ARG001
) -> ExternalDataTierArgs:
    """The endpoints, for the outputs that every kind has."""
    database = config.data.external if POSTGRES in stores else None
    cache = config.data.external_cache if VALKEY in stores else None
    args = ExternalDataTierArgs(
        database_endpoint=_endpoint(database) if database else None,
        cache_endpoint=_endpoint(cache) if cache else None,
    )
    return replace(args, database=database.name, user=database.user) if database else args


def _endpoint(section: DatabaseSection | CacheSection) -> Endpoint:
    return Endpoint(
        host=section.host,
        port=section.port,
        password=secret_key(section.password) if section.password else None,
        authority=secret_key(section.ca),
    )


def secret_key(written: pods.SecretKey) -> SecretKey:
    """A Secret's key as components take it."""
    return SecretKey(secret=written.secret, key=written.key)


EXTERNAL_TIER: Final = Tier(name="external-data", component=ExternalDataTier, args=external_args)


class _External(DataKind):
    tier = EXTERNAL_TIER
    section_required = True

    def options(self, config: StackConfig) -> DatabaseSection | CacheSection:
        """The kind's section."""
        raise NotImplementedError

    def port(self, config: StackConfig) -> int:
        return self.options(config).port

    def host(self, config: StackConfig) -> str:
        return self.options(config).host

    def password(self, config: StackConfig) -> SecretKey | None:
        written = self.options(config).password
        return secret_key(written) if written else None

    def authority(self, config: StackConfig) -> SecretKey:
        return secret_key(self.options(config).ca)

    def party(self, config: StackConfig) -> Outside:
        return Outside(name=self.store, cidrs=self.options(config).networks)


class ExternalDatabase(_External):
    """A PostgreSQL of yours."""

    name = "external"
    store = POSTGRES
    section = "external"

    def options(self, config: StackConfig) -> DatabaseSection:
        assert config.data.external is not None  # the_kind_has_its_section
        return config.data.external

    def login(self, config: StackConfig) -> dict[str, str]:
        section = self.options(config)
        return {"name": section.name, "user": section.user}

    def token(self, config: StackConfig) -> DatabaseToken | None:
        return self.options(config).token

    def verify(self, config: StackConfig) -> Verified:
        # As of the kind cloud-sql: certificates of Cloud SQL have no DNS name.
        return "ca" if self.token(config) == "cloud-sql" else "full"

    def problems(self, config: StackConfig) -> Iterator[Problem]:
        section = self.options(config)
        if section.password is None and section.token is None:
            yield at(
                "data.external.password",
                "is missing, and token as well",
                "the servers could not log in",
                "write a secret and a key, or set token",
            )
        if section.password and section.token:
            yield at(
                "data.external.token",
                "is set, and password as well",
                "it is not known which of the two logs in",
                "leave one of the two out",
            )


class ExternalCache(_External):
    """A Valkey or Redis of yours."""

    name = "external"
    store = VALKEY
    section = "external_cache"

    def options(self, config: StackConfig) -> CacheSection:
        assert config.data.external_cache is not None  # the_kind_has_its_section
        return config.data.external_cache
