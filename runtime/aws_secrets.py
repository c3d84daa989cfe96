"""A password in AWS Secrets Manager, read with the credentials of the task or the pod.

It is read anew within a minute, so that a rotated password needs no restart.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .aws_credentials import Credentials, RenewedCredentials
from .renewed_token import RenewedToken, Token, TokenError
from .token_requests import fetched_object

READ_AGAIN_SECONDS = 60.0
CONTENT_TYPE = "application/x-amz-json-1.1"
TARGET = "secretsmanager.GetSecretValue"
_ALGORITHM = "AWS4-HMAC-SHA256"


def secret_password(
    arn: str, credentials: Callable[[str], Credentials] | None = None
) -> Callable[[], str]:
    """What returns the value of `password` in a JSON secret; raises `TokenError`."""
    region = arn.split(":")[3]
    host = f"secretsmanager.{region}.amazonaws.com"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or f"https://{host}"
    found = credentials or RenewedCredentials()

    def read() -> Token:
        body = json.dumps({"SecretId": arn}).encode()
        headers = signed_headers(host, region, body, found(region))
        answer: dict[str, Any] = fetched_object(endpoint + "/", headers=headers, body=body)
        try:
            return Token(str(json.loads(answer["SecretString"])["password"]), READ_AGAIN_SECONDS)
        except (KeyError, TypeError, ValueError):
            raise TokenError(f"no password: the secret {arn} is not JSON with a password") from None

    return RenewedToken(read)


def signed_headers(
    host: str, region: str, body: bytes, credentials: Credentials, at: datetime | None = None
) -> dict[str, str]:
    """The headers of a request for a secret ("Signature Version 4", IAM User Guide)."""
    time = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{region}/secretsmanager/aws4_request"
    headers = {
        "content-type": CONTENT_TYPE,
        "host": host,
        "x-amz-date": time,
        **({"x-amz-security-token": credentials.session} if credentials.session else {}),
        "x-amz-target": TARGET,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{credentials.secret}".encode()
    for part in (time[:8], region, "secretsmanager", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"{_ALGORITHM}\n{time}\n{scope}\n{digest}".encode(), "sha256")
    signed = f"Credential={credentials.key}/{scope}, SignedHeaders={names}"
    return {
        **headers,
        "authorization": f"{_ALGORITHM} {signed}, Signature={signature.hex()}",
    }
