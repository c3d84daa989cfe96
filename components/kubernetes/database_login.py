"""Which identity the pods need to log in to a database with tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..base.problems import Problem
from ..mcp.database import Database, DatabaseToken
from .cloud_identity import CloudKey
from .pod_settings import PodSettings

TOKEN_CLOUDS: Final[Mapping[DatabaseToken, CloudKey]] = {
    "rds": "aws",
    "cloud-sql": "gcp",
    "azure": "azure",
}
"""The cloud whose identity gets the tokens of each service."""


def token_problems(path: str, database: Database | None, pods: PodSettings) -> list[Problem]:
    """A problem if the pods log in to a database with tokens, and have no identity for them."""
    if database is None or database.token is None:
        return []
    cloud = TOKEN_CLOUDS[database.token]
    if pods.identity is not None and getattr(pods.identity, cloud) is not None:
        return []
    return [
        Problem(
            path,
            f"is {database.token}, and the pods have no identity of {cloud}",
            "they would get no token: the database would refuse every connection",
            f"set pods.identity to CloudIdentity({cloud}=...), or leave token out",
        )
    ]
