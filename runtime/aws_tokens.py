"""Signed requests of AWS as passwords: RDS and ElastiCache with IAM authentication.

A password is the URL of a request that is never sent, signed with the credentials of the pod
("Signature Version 4", IAM User Guide). It can be used for 15 minutes to open a connection.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from .aws_credentials import Credentials, RenewedCredentials
from .renewed_token import Token, TokenError

VALID_SECONDS = 900
_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY = hashlib.sha256(b"").hexdigest()
_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-[0-9])\.rds\.amazonaws\.com$")


def rds_password(
    host: str,
    port: int,
    user: str,
    region: str | None = None,
    credentials: Callable[[str], Credentials] | None = None,
) -> Callable[[], str]:
    """What returns the password of a user of RDS; signing takes no request."""
    found = credentials or RenewedCredentials()

    def password() -> str:
        place = region_of(host, region)
        query = {"Action": "connect", "DBUser": user}
        return signed_url(f"{host}:{port}", "rds-db", query, place, found(place))

    return password


def elasticache_token(
    cache: str,
    user: str,
    region: str | None = None,
    credentials: Callable[[str], Credentials] | None = None,
) -> Callable[[], Token]:
    """What returns a token of a user for the replication group `cache`; asks for credentials only.

    It ends with the credentials that sign it, if they expire earlier.
    """
    found = credentials or RenewedCredentials()

    def token() -> Token:
        place = region_of(cache, region)
        signer = found(place)
        query = {"Action": "connect", "User": user}
        left = (signer.expires_at or float("inf")) - time.time()
        return Token(
            signed_url(cache, "elasticache", query, place, signer), min(VALID_SECONDS, left)
        )

    return token


def region_of(host: str, region: str | None) -> str:
    """The region: the given one, that of the host's name, or that of the environment."""
    named = _REGION.search(host)
    found = region or (named[1] if named else None)
    found = found or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not found:
        raise TokenError(f"no token: {host} does not name its region; set region or AWS_REGION")
    return found


def signed_url(  # noqa: PLR0917  (the parts of a request, and who signs it)
    host: str,
    service: str,
    query: Mapping[str, str],
    region: str,
    credentials: Credentials,
    at: datetime | None = None,
) -> str:
    """The URL of `GET /` without its scheme, signed for the service."""
    now = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/{region}/{service}/aws4_request"
    parameters = {
        **query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{credentials.key}/{scope}",
        "X-Amz-Date": now,
        "X-Amz-Expires": str(VALID_SECONDS),
        "X-Amz-SignedHeaders": "host",
        **({"X-Amz-Security-Token": credentials.session} if credentials.session else {}),
    }
    pairs = [f"{_quoted(name)}={_quoted(value)}" for name, value in parameters.items()]
    request = f"GET\n/\n{'&'.join(sorted(pairs))}\nhost:{host}\n\nhost\n{_EMPTY}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{credentials.secret}".encode()
    for part in (now[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"{_ALGORITHM}\n{now}\n{scope}\n{digest}".encode(), "sha256")
    return f"{host}/?{'&'.join(pairs)}&X-Amz-Signature={signature.hex()}"


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
