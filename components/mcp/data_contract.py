"""What all kinds of data tier have in common: what they are told, and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pulumi

from ..base.arg_types import DatabaseName

POSTGRES = 5432
VALKEY = 6379


class CacheProfile(Enum):
    """What Valkey holds.

    SESSIONS: kept when a server of it fails, refused rather than evicted when memory is full.
    CACHE: may be lost, the least recently used is evicted.
    """

    SESSIONS = "sessions"
    CACHE = "cache"


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What is in it, wherever it is.

    Attributes:
        database, user: of PostgreSQL.
        cache_profile: see CacheProfile.
        protect: refuse to delete what holds data.
    """

    database: DatabaseName = "qudag_mcp"
    user: DatabaseName = "qudag"
    cache_profile: CacheProfile = CacheProfile.SESSIONS
    protect: bool = False


@dataclass(frozen=True, kw_only=True)
class Provided:
    """What a kind has made.

    Attributes:
        database: what a migration waits for; None without PostgreSQL.
        database_host, database_port: of PostgreSQL; no host without one.
        cache_host, cache_port: of Valkey; no host without one.
        cache_user: whose rights clients have there.
        database_user: where the place has a name of its own for it.
        database_credentials: where the password of the user is kept, in the words of the place: a
            Kubernetes Secret's name, an ARN, a resource's id; never the password.
    """

    database: pulumi.Resource | None
    database_host: pulumi.Input[str]
    cache_host: pulumi.Input[str]
    database_credentials: pulumi.Input[str]
    database_port: pulumi.Input[int] = POSTGRES
    cache_port: pulumi.Input[int] = VALKEY
    cache_user: pulumi.Input[str] = "default"
    database_user: pulumi.Input[str] | None = None
