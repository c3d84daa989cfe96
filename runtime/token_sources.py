"""Tokens of clouds as passwords; their modules are imported only where a token is configured."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

from .renewed_token import RenewedToken

DatabaseTokens = Literal["rds", "cloud-sql", "azure"]
CacheTokens = Literal["elasticache", "memorystore", "azure"]


@cache
def database_password(
    kind: DatabaseTokens, host: str, port: int, user: str, region: str | None
) -> Callable[[], str]:
    """What returns the password of a user of PostgreSQL for a new connection."""
    match kind:
        case "rds":
            from .aws_tokens import rds_password

            return rds_password(host, port, user, region)
        case "cloud-sql":
            from .google_tokens import access_token

            return RenewedToken(access_token)
        case "azure":
            from .azure_tokens import POSTGRESQL, entra_token

            return RenewedToken(lambda: entra_token(POSTGRESQL))


@cache
def cache_token(
    kind: CacheTokens, name: str | None, user: str | None, region: str | None
) -> RenewedToken:
    """The token that a user of a Valkey or Redis sends as its password; `name` is the cache's."""
    match kind:
        case "elasticache":
            from .aws_tokens import elasticache_token

            return RenewedToken(elasticache_token(name or "", user or "", region))
        case "memorystore":
            from .google_tokens import access_token

            return RenewedToken(access_token)
        case "azure":
            from .azure_tokens import REDIS, entra_token

            return RenewedToken(lambda: entra_token(REDIS))


@cache
def password_of_secret(arn: str) -> Callable[[], str]:
    """What returns the password in a secret of AWS for a new connection."""
    from .aws_secrets import secret_password

    return secret_password(arn)
