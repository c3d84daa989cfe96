"""PostgreSQL and Valkey that exist already: their addresses as the outputs of a data tier."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..base.arg_types import DatabaseUser, Host, PortNumber
from ..base.problems import Problem
from .data_tier import DataTier, DataTierArgs, DataTierResources
from .secret_key import SecretKey


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A server of PostgreSQL or Valkey that requires TLS and a login.

    Attributes:
        host: name in its certificate.
        port: its port.
        password: where the password is; None: clients log in with tokens of a cloud.
        authority: where the CA of its certificate is.
    """

    host: Host
    port: PortNumber
    password: SecretKey | None
    authority: SecretKey


@dataclass(frozen=True, kw_only=True)
class ExternalDataTierArgs(DataTierArgs):
    """Args of data stores that somebody else runs.

    Attributes:
        database_endpoint, cache_endpoint: where they are; None for a platform without that store.
        user: the role that owns the database.
    """

    database_endpoint: Endpoint | None
    cache_endpoint: Endpoint | None
    user: DatabaseUser = "qudag"

    def refusals(self) -> list[Problem]:
        """A problem if there is no store, or one is to be protected that nothing here creates."""
        problems = super().refusals()
        if self.database_endpoint is None and self.cache_endpoint is None:
            problems.append(
                Problem(
                    "database_endpoint",
                    "is missing, and cache_endpoint as well",
                    "the component would have no data store",
                    "set one of them",
                )
            )
        if self.protect:
            problems.append(
                Problem(
                    "protect",
                    "is True, and the component creates no data store",
                    "it would have no effect: nothing here can delete the data",
                    "leave it out, and protect the data stores where they are created",
                )
            )
        return problems


class ExternalDataTier(DataTier[ExternalDataTierArgs]):
    """The endpoints of PostgreSQL and Valkey that somebody else runs; it creates nothing."""

    args_type = ExternalDataTierArgs

    def deploy(self, args: ExternalDataTierArgs) -> DataTierResources:
        database, cache = args.database_endpoint, args.cache_endpoint
        known = [endpoint for endpoint in (database, cache) if endpoint]
        made = DataTierResources(
            database=None,
            database_host=database.host if database else "",
            database_user=args.user,
            database_credentials=database.password.secret if database and database.password else "",
            cache_host=cache.host if cache else "",
            ca=known[0].authority.secret,
        )
        ports = {"database_port": database, "cache_port": cache}
        return replace(made, **{name: one.port for name, one in ports.items() if one})
