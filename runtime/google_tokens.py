"""Access tokens of Google Cloud's metadata server, for Cloud SQL and Memorystore with IAM."""

from __future__ import annotations

import os

from .renewed_token import Token, TokenError
from .token_requests import fetched_object

METADATA_HOST = "metadata.google.internal"
PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


def access_token() -> Token:
    """An access token of the pod's or the instance's service account; raises `TokenError`.

    The variable `GCE_METADATA_HOST` names another host, as for Google's own libraries.
    """
    host = os.environ.get("GCE_METADATA_HOST") or METADATA_HOST
    answer = fetched_object(f"http://{host}{PATH}", headers={"Metadata-Flavor": "Google"})
    try:
        return Token(str(answer["access_token"]), float(answer["expires_in"]))
    except (KeyError, TypeError, ValueError):
        raise TokenError(f"no token: {host} answered without a token") from None
