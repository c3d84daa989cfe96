"""Opens buckets, and explains what their services answer."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from .backup_config import BackupSection
from .toml_config import StartError

CHUNK = 8 * 1024 * 1024


class MissingObjectError(StartError):
    """An object is not in the bucket."""


def open_bucket(section: BackupSection) -> Any:
    """The bucket, as obstore has it; raises `StartError` if its key or address is unusable."""
    try:
        from_url: Any = import_module("obstore.store").from_url
    except ImportError:
        raise StartError(
            "the library obstore is not installed: backups cannot be read or written; use the "
            "server's image, or pip install obstore"
        ) from None
    if section.url.startswith("file:///"):
        return from_url(section.url, mkdir=True)
    options: dict[str, Any] = {}
    if section.url.startswith("s3://"):
        # Buckets with object lock refuse objects without a checksum.
        options = {"checksum_algorithm": "SHA256", "virtual_hosted_style_request": False}
        options |= _given("endpoint", section.endpoint) | _given("region", section.region)
        if section.access_key_file and section.secret_key_file:
            options["access_key_id"] = _secret(section.access_key_file)
            options["secret_access_key"] = _secret(section.secret_key_file)
        else:
            _ask_the_token_service_of_the_pod()
    client: dict[str, Any] = {"timeout": "10m", "connect_timeout": "10s"}
    if section.endpoint and section.endpoint.startswith("http://"):
        client["allow_http"] = True
    try:
        return from_url(
            section.url,
            config=options or None,
            client_options=client,
            retry_config={"max_retries": 5},
        )
    except Exception as error:
        raise StartError(f"{section.url} is no usable address: {_reason(error)}") from None


def _ask_the_token_service_of_the_pod() -> None:
    """Let a pod with a role of AWS ask STS in its own region.

    The library would ask it in the bucket's, where the flows of the pod do not lead.
    """
    region = os.environ.get("AWS_REGION")
    if region and "AWS_WEB_IDENTITY_TOKEN_FILE" in os.environ:
        os.environ.setdefault("AWS_ENDPOINT_URL_STS", f"https://sts.{region}.amazonaws.com")


def _given(name: str, value: str | None) -> dict[str, str]:
    return {name: value} if value else {}


def _secret(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise StartError(f"the key of the bucket cannot be read: {error}") from None


@contextmanager
def explained(where: str) -> Generator[None]:
    """Raise `StartError` for what the service of the bucket answers."""
    exceptions: Any = import_module("obstore.exceptions")
    try:
        yield
    except FileNotFoundError as error:
        raise MissingObjectError(
            f"{where}: the bucket or an object is missing: {_reason(error)}"
        ) from None
    except exceptions.BaseError as error:
        refused = isinstance(
            error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError
        ) or re.search(r"status code: 40[13]\b", str(error))
        why = "the bucket refuses this key: " if refused else ""
        raise StartError(f"{where}: {why}{_reason(error)}") from None


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
