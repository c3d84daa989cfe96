"""Credentials of AWS in a pod, a task or a function, from where AWS puts them."""

from __future__ import annotations

import os
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .renewed_token import TokenError
from .token_requests import fetched, fetched_object

EARLY_SECONDS = 300.0
TASK_SERVER = "http://169.254.170.2"
_OWN_SERVERS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23", "127.0.0.1", "::1", "localhost")
"""Servers that credentials may come from without TLS: those of ECS, EKS, and this machine."""
_STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"


@dataclass(frozen=True)
class Credentials:
    """A key of AWS.

    Attributes:
        expires_at: in seconds since 1970; None: they do not expire.
    """

    key: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)
    expires_at: float | None = None


@dataclass
class RenewedCredentials:
    """The credentials of this process, renewed before they expire; for several threads.

    While their service does not answer, the former ones are used until they expire.
    """

    now: Callable[[], float] = time.time
    _held: Credentials | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, region: str) -> Credentials:
        """Credentials for a service of the region; raises `TokenError`."""
        with self._lock:
            held = self._held
            if held and (held.expires_at is None or self._left(held) > EARLY_SECONDS):
                return held
            try:
                self._held = found(region)
            except TokenError:
                if held is None or self._left(held) <= 0:
                    raise
                return held
            return self._held

    def _left(self, held: Credentials) -> float:
        return (held.expires_at or 0) - self.now()


def found(region: str) -> Credentials:
    """Credentials from the environment, by a role for the pod, or of the task; `TokenError`.

    The order is that of AWS's own libraries. The credentials of a node are never used.
    """
    environment = os.environ
    if key := environment.get("AWS_ACCESS_KEY_ID"):
        secret = environment.get("AWS_SECRET_ACCESS_KEY", "")
        return Credentials(key, secret, environment.get("AWS_SESSION_TOKEN", ""))
    if file := environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return _of_role(region, Path(file))
    if path := environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        return _of_task(TASK_SERVER + path)
    if url := environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        return _of_task(url)
    raise TokenError("no token: there are no credentials of AWS; give the pod a role")


def _of_role(region: str, file: Path) -> Credentials:
    """Credentials of the role that the pod's service account may assume."""
    role = os.environ.get("AWS_ROLE_ARN", "")
    session = os.environ.get("AWS_ROLE_SESSION_NAME") or "qudag-mcp-server"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_STS") or f"https://sts.{region}.amazonaws.com"
    body = fetched(
        f"{endpoint.rstrip('/')}/",
        form={
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": session,
            "WebIdentityToken": _read(file),
        },
    )
    try:
        tree = ET.fromstring(body)  # noqa: S314  (of AWS, over TLS)
        parts = {part.tag.removeprefix(_STS): part.text or "" for part in tree.iter()}
        return Credentials(
            parts["AccessKeyId"],
            parts["SecretAccessKey"],
            parts["SessionToken"],
            _seconds(parts["Expiration"]),
        )
    except (ET.ParseError, KeyError, ValueError):
        raise TokenError("no token: AWS STS answered without credentials") from None


def _of_task(url: str) -> Credentials:
    address = urlsplit(url)
    if address.scheme != "https" and address.hostname not in _OWN_SERVERS:
        raise TokenError("no token: AWS_CONTAINER_CREDENTIALS_FULL_URI is no server of AWS")
    token = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    if file := os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        token = _read(Path(file))
    answer: dict[str, Any] = fetched_object(url, headers={"Authorization": token} if token else {})
    try:
        return Credentials(
            answer["AccessKeyId"],
            answer["SecretAccessKey"],
            answer["Token"],
            _seconds(answer["Expiration"]),
        )
    except (KeyError, TypeError, ValueError):
        raise TokenError(f"no token: {address.netloc} answered without credentials") from None


def _seconds(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise TokenError(f"no token: {file} cannot be read: {error.strerror}") from None
