"""The configuration of `qudag-mcp-server backup` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from .config import DatabaseSection
from .toml_config import Section

LOCATION = r"^(s3://|gs://|file:///|https://[a-z0-9]{3,24}\.blob\.core\.windows\.net/)[^\s?#@]+$"


class BackupSection(Section):
    """The `[backup]` section: whose backups these are, and where they are.

    Attributes:
        stack: name of the platform; its backups are in a folder of this name.
        url: of the bucket, with a path or without: `s3://`, `gs://`, `file:///`, or the URL of a
            container of Azure Blob Storage.
        endpoint: of a service with the API of S3; without it, AWS.
        region: of the bucket.
        access_key_file, secret_key_file: files with a key of the bucket. Without them, the pod's
            identity in its cloud.
        ca_file: the CA of the endpoint's certificate; without it, the public ones.
        manifests: directory with the Kubernetes objects of the stack, which are backed up as well.
        max_age_minutes: a newest backup that is older is an error of the restore drill.
        work: directory that this program and the PostgreSQL programs share.
        wait_seconds: how long one of the two waits for the other.
    """

    stack: Annotated[str, Field(pattern="^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
    url: Annotated[str, Field(pattern=LOCATION)]
    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+$")] | None = None
    region: str | None = None
    access_key_file: Path | None = None
    secret_key_file: Path | None = None
    ca_file: Path | None = None
    manifests: Path | None = None
    max_age_minutes: Annotated[int, Field(ge=1, le=525_600)] = 1440
    work: Path = Path("/work")
    wait_seconds: Annotated[float, Field(gt=0, le=86_400)] = 3600

    @model_validator(mode="after")
    def a_key_has_two_parts(self) -> Self:
        if (self.access_key_file is None) != (self.secret_key_file is None):
            raise ValueError("set access_key_file and secret_key_file, or neither")
        return self


class BackupConfig(Section):
    """The whole file: the bucket, and the database that is backed up."""

    backup: BackupSection
    database: DatabaseSection
