"""Which identity the pods need to log in to a database or a cache with tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.problems import Problem
from ..mcp.database import Database, DatabaseToken
from ..mcp.server_config import Cache
from .cloud_identity import CloudKey
from .pod_settings import PodSettings

TOKEN_CLOUDS: Final[Mapping[DatabaseToken, CloudKey]] = {
    "rds": "aws",
    "cloud-sql": "gcp",
    "azure": "azure",
}
"""The cloud whose identity gets the tokens of each service."""
CACHE_CLOUDS: Final[Mapping[str, CloudKey]] = {
    "elasticache": "aws",
    "memorystore": "gcp",
    "azure": "azure",
}
"""The same for caches."""


def token_problems(path: str, database: Database | None, pods: PodSettings) -> list[Problem]:
    """A problem if the pods log in to a database with tokens, and have no identity for them."""
    if database is None or database.token is None:
        return []
    return _without_identity(path, "database", database.token, TOKEN_CLOUDS[database.token], pods)


def cache_token_problems(path: str, cache: Cache | None, pods: PodSettings) -> list[Problem]:
    """A problem if the pods log in to a cache with tokens, and have no identity for them."""
    if cache is None or cache.token is None:
        return []
    kind = cache.token.kind
    return _without_identity(path, "cache", kind, CACHE_CLOUDS[kind], pods)


def _without_identity(
    path: str, store: str, kind: str, cloud: CloudKey, pods: PodSettings
) -> list[Problem]:
    if pods.identity is not None and getattr(pods.identity, cloud) is not None:
        return []
    return [
        Problem(
            path,
            f"is {kind}, and the pods have no identity of {cloud}",
            f"they would get no token: the {store} would refuse every connection",
            f"set pods.identity to CloudIdentity({cloud}=...), or leave token out",
        )
    ]
