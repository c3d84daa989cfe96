"""Rules for caches of clouds: every server that connects has an identity, and knows the tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from ..config.stack import StackConfig
from ..data_kinds import kind_of
from ..data_kinds.managed_cache import ManagedCache
from ..store_users import identities_of_users
from ..topologies.topology import VALKEY
from .rule import Rule, at, path_of

_IDENTITY: Final = {
    "aws": "aws: {role: arn:aws:iam::123456789012:role/mcp-server}",
    "gcp": "gcp: {serviceAccount: mcp-server@project.iam.gserviceaccount.com}",
    "azure": "azure: {clientId: …, tenantId: …}",
}


def servers_can_log_in(config: StackConfig) -> Iterator[Problem]:
    """Each server that uses a cache with tokens has an identity of that cloud."""
    kind = kind_of(config, VALKEY)
    if not isinstance(kind, ManagedCache) or kind.token_cloud is None:
        return
    for name, identity in identities_of_users(config, VALKEY).items():
        if name in config.cluster_servers:
            continue
        if identity is None or getattr(identity, kind.token_cloud) is None:
            yield at(
                path_of("kubernetes", "identities", name),
                f"is missing, and {name} uses the cache of data.cacheKind {kind.name}"
                if identity is None
                else f"has no {kind.token_cloud}, and {name} uses the cache of data.cacheKind "
                f"{kind.name}",
                "it has no token to log in with: its sessions would fail",
                f"write {_IDENTITY[kind.token_cloud]}",
            )
        elif problem := kind.identity_problem(config, identity):
            path, what, consequence, fix = problem
            yield at(path_of("kubernetes", "identities", name, *path), what, consequence, fix)


def servers_share_their_identity(config: StackConfig) -> Iterator[Problem]:
    """Where the cache knows one identity, every server has it."""
    kind = kind_of(config, VALKEY)
    if not isinstance(kind, ManagedCache) or kind.token_cloud is None or not kind.one_identity:
        return
    users = identities_of_users(config, VALKEY)
    own = {name: getattr(each, kind.token_cloud, None) for name, each in users.items()}
    having = {name: each for name, each in own.items() if each is not None}
    first = next(iter(having), "")
    for name, each in having.items():
        if each != having[first]:
            yield at(
                path_of("kubernetes", "identities", name, kind.token_cloud),
                f"is another identity than that of {first}",
                f"data.cacheKind {kind.name} lets in one identity: {name} could not log in",
                f"write the identity of {first}, whose object id is in the section of the cache",
            )


def programs_have_a_password(config: StackConfig) -> Iterator[Problem]:
    """No server of the section servers uses a cache without a password."""
    kind = kind_of(config, VALKEY)
    if kind.token_cloud is None:
        return
    for name, server in config.cluster_servers.items():
        if VALKEY in server.uses:
            yield at(
                path_of("servers", name, "uses"),
                f"names {VALKEY}, and data.cacheKind is {kind.name}",
                "there is no password that could be given to the program",
                "leave it out, or set data.cacheKind to valkey or external",
            )


CACHE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("data", "topology", "servers", "kubernetes"), servers_can_log_in),
    (("data", "topology", "servers", "kubernetes"), servers_share_their_identity),
    (("data", "servers"), programs_have_a_password),
]
"""Each rule with what it reads."""
