"""The backups of a stack in a bucket: a folder each, with the data and a manifest."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .backup_config import BackupSection
from .backup_errors import BackupError, Status
from .backup_manifest import FORMAT, Dump, Manifest
from .toml_config import StartError

DATA = "database.dump"
MANIFEST = "manifest.json"
FOLDER = "database"
CHUNK = 8 * 1024 * 1024


class BackupStore:
    """The backups of one stack.

    A backup exists once its manifest does, which is written last.
    """

    def __init__(self, section: BackupSection) -> None:
        """Raises `StartError` if the bucket's key cannot be read, or its address is unusable."""
        self._section = section
        self._store = open_bucket(section)
        self._folder = f"{section.stack}/{FOLDER}"

    @property
    def where(self) -> str:
        """The address of the backups, for messages."""
        return f"{self._section.url.rstrip('/')}/{self._folder}"

    def add(self, manifest: Manifest, data: Path) -> None:
        """Store a backup; raises `StartError` if the bucket refuses it."""
        folder = f"{self._folder}/{manifest.name}"
        with explained(self.where):
            self._store.put(f"{folder}/{DATA}", data, chunk_size=CHUNK)
            text = manifest.model_dump_json(indent=1).encode()
            self._store.put(f"{folder}/{MANIFEST}", text)

    def names(self) -> list[str]:
        """The names of all backups, the newest last."""
        with explained(self.where):
            found = [
                str(item["path"]).removesuffix(f"/{MANIFEST}").rpartition("/")[2]
                for batch in self._store.list(prefix=self._folder)
                for item in batch
                if str(item["path"]).endswith(f"/{MANIFEST}")
            ]
        return sorted(found)

    def manifest(self, name: str) -> Manifest:
        """The manifest of a backup.

        Raises:
            BackupError: it is damaged, or of another stack.
        """
        path = f"{self._folder}/{name}/{MANIFEST}"
        with explained(self.where):
            content = bytes(self._store.get(path).bytes())
        try:
            manifest = Manifest.model_validate_json(content)
        except ValidationError:
            raise BackupError(
                Status.DAMAGED, f"{self.where}/{name}/{MANIFEST} is damaged: it is no manifest"
            ) from None
        if manifest.format != FORMAT:
            raise BackupError(
                Status.DAMAGED,
                f"{self.where}/{name}: the format is {manifest.format}, and this program reads "
                f"{FORMAT}: restore it with the version that wrote it",
            )
        if manifest.stack != self._section.stack:
            raise BackupError(
                Status.OTHER_STACK,
                f"{self.where}/{name} is a backup of {manifest.stack}, not of "
                f"{self._section.stack}: it was copied here; nothing was restored",
            )
        return manifest

    def fetch(self, manifest: Manifest, to: Path) -> None:
        """Write the data of a backup to a file.

        Raises:
            BackupError: it is missing, or is not what was stored.
        """
        path = f"{self._folder}/{manifest.name}/{DATA}"
        digest, size = hashlib.sha256(), 0
        try:
            with explained(self.where), to.open("wb") as file:
                for chunk in self._store.get(path).stream(min_chunk_size=CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
        except MissingObjectError:
            raise BackupError(
                Status.MISSING,
                f"{self.where}/{manifest.name}/{DATA} is missing, and its manifest is there: "
                "restore an older backup, or a deleted version of this object",
            ) from None
        if (size, digest.hexdigest()) != (manifest.dump.size, manifest.dump.sha256):
            raise BackupError(
                Status.DAMAGED,
                f"{self.where}/{manifest.name}/{DATA} is damaged: it has {size} bytes and SHA-256 "
                f"{digest.hexdigest()}, and had {manifest.dump.size} bytes and "
                f"{manifest.dump.sha256}: restore an older backup, or an older version of it",
            )


class MissingObjectError(StartError):
    """An object is not in the bucket."""


def dump_of(data: Path) -> Dump:
    """The size and the digest of a file."""
    digest = hashlib.sha256()
    with data.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return Dump(size=data.stat().st_size, sha256=digest.hexdigest())


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
