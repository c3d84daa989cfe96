"""Addresses by which the components of a platform connect to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.base.inputs import applied


@dataclass(frozen=True, kw_only=True)
class CacheLogin:
    """What a token for a cache of a cloud is for: outputs of its data tier.

    Attributes:
        user: that logs in.
        name: id of the cache.
        authority: of its certificate.
    """

    user: pulumi.Input[str] = "user"
    name: pulumi.Input[str] = "cache"
    authority: pulumi.Input[str] = "authority"


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Outputs of components, or nothing where objects are only counted.

    Attributes:
        namespace: of the component that connects.
        database_host, cache_host: of the data stores that the topology has.
        cache_login: for a cache of a cloud.
        database: what a migration waits for.
        hosts: of the servers behind the front, by name.
    """

    namespace: pulumi.Input[str]
    database_host: pulumi.Input[str] = ""
    cache_host: pulumi.Input[str] = ""
    cache_login: CacheLogin = CacheLogin()
    database: Sequence[pulumi.Resource] = ()
    hosts: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])

    def host(self, service: str) -> pulumi.Input[str]:
        """The host name of a server; empty where it is not registered yet."""
        return self.hosts.get(service, "")

    def short(self, host: pulumi.Input[str]) -> pulumi.Input[str]:
        """The name by which pods of the namespace call ``host``: without the namespace's domain."""

        def shortened(host: str, namespace: str) -> str:
            return host.removesuffix(f".{namespace}.svc")

        return applied(shortened, host, self.namespace)
