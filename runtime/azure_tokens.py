"""Entra tokens of a workload identity or a managed identity, for PostgreSQL and Redis of Azure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .renewed_token import Token, TokenError
from .token_requests import fetched_object

POSTGRESQL = "https://ossrdbms-aad.database.windows.net"
"""The service for which a token is, without `/.default`."""
REDIS = "https://redis.azure.com"
AUTHORITY = "https://login.microsoftonline.com"
MACHINE = "http://169.254.169.254/metadata/identity/oauth2/token"
_METADATA = {"Metadata": "true"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def entra_token(service: str) -> Token:
    """A token for the service; raises `TokenError`.

    In AKS it is exchanged for the token of the pod's service account, in functions and container
    apps it comes from the host's endpoint, elsewhere from the machine's metadata server.
    """
    if file := os.environ.get("AZURE_FEDERATED_TOKEN_FILE"):
        return _token(_exchanged(service, Path(file)))
    client = os.environ.get("AZURE_CLIENT_ID")
    query = {"resource": service, **({"client_id": client} if client else {})}
    if endpoint := os.environ.get("IDENTITY_ENDPOINT"):
        url = f"{endpoint}?{urlencode({'api-version': '2019-08-01', **query})}"
        key = {"X-IDENTITY-HEADER": os.environ.get("IDENTITY_HEADER", "")}
        return _token(fetched_object(url, headers={**_METADATA, **key}))
    url = f"{MACHINE}?{urlencode({'api-version': '2018-02-01', **query})}"
    return _token(fetched_object(url, headers=_METADATA))


def _exchanged(service: str, file: Path) -> dict[str, Any]:
    try:
        tenant, client = os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"]
        assertion = file.read_text().strip()
    except KeyError as missing:
        raise TokenError(f"no token: {missing.args[0]} is not set") from None
    except OSError as error:
        raise TokenError(f"no token: {file} cannot be read: {error.strerror}") from None
    authority = os.environ.get("AZURE_AUTHORITY_HOST") or AUTHORITY
    return fetched_object(
        f"{authority.rstrip('/')}/{tenant}/oauth2/v2.0/token",
        form={
            "client_id": client,
            "client_assertion": assertion,
            "client_assertion_type": ASSERTION,
            "grant_type": "client_credentials",
            "scope": f"{service}/.default",
        },
    )


def _token(answer: dict[str, Any]) -> Token:
    try:
        return Token(str(answer["access_token"]), float(answer.get("expires_in") or 300))
    except (KeyError, TypeError, ValueError):
        raise TokenError("no token: Entra answered without a token") from None
