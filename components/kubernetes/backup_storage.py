"""Where backups are stored, and the files by which the pods of backup jobs know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

import pulumi

from ..base.arg_types import SecretName, Word
from ..base.constraints import Form, Range
from ..base.forms import no_such_port
from ..base.problems import Problem
from .container import SecretFiles
from .resources import Resources

BUCKET_PATH: Final = "/etc/bucket"
KEYS: Final = ("access-key", "secret-key")
MANIFESTS_PATH: Final = "/etc/stack-manifests"
MAIN: Final = "bucket"
"""The container that reads and writes the bucket."""
RESOURCES: Final = Resources(cpu="50m", memory="128Mi", cpu_limit="1", memory_limit="512Mi")

LOCATION: Final = Form(
    name="bucket URL",
    pattern=r"^(s3://|gs://)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*$"
    r"|^https://[a-z0-9]{3,24}\.blob\.core\.windows\.net/[a-z0-9-]{3,63}(/[A-Za-z0-9._-]+)*$",
    words="s3:// or gs:// with the bucket's name, or the URL of a container of Azure, and a path",
    examples=("s3://qudag-backups/prod",),
    consequence="no backup could be stored",
    longest=512,
)
ENDPOINT: Final = Form(
    name="endpoint",
    pattern=r"^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?$",
    words="the https:// URL of a service with the API of S3, without a path",
    examples=("https://minio.example.com:9000",),
    consequence="no backup could be stored",
    check=no_such_port,
)
Location = Annotated[str, LOCATION]
Endpoint = Annotated[str, ENDPOINT]
Minutes = Annotated[
    int, Range(least=1, most=525_600, consequence="the drill would never fail, or always")
]


@dataclass(frozen=True, kw_only=True)
class BackupStorage:
    """Where backups are stored.

    Attributes:
        url: of the bucket, with a path or without.
        endpoint: of a service with the API of S3; None: the cloud's own.
        region: of the bucket, where its service asks for one.
        key_secret: Secret with ``access-key`` and ``secret-key`` of the bucket; None: the pod's
            identity in its cloud.
    """

    url: pulumi.Input[Location]
    endpoint: Endpoint | None = None
    region: Word | None = None
    key_secret: SecretName | None = None

    def refusals(self) -> list[Problem]:
        """A problem if there is an endpoint, and the bucket is not of S3."""
        if self.endpoint is None or not isinstance(self.url, str) or self.url.startswith("s3://"):
            return []
        return [
            Problem(
                "endpoint",
                f"is set, and url is {self.url}",
                "it is the endpoint of a service with the API of S3 and would have no effect",
                "write an s3:// URL, or remove endpoint",
            )
        ]


def bucket_key(storage: BackupStorage) -> list[SecretFiles]:
    """The files with the key of the bucket; none where the pods have an identity."""
    if storage.key_secret is None:
        return []
    return [SecretFiles(secret=storage.key_secret, path=BUCKET_PATH, keys=KEYS)]


def bucket_section(
    storage: BackupStorage,
    *,
    stack: str,
    url: str,
    max_age_minutes: int | None = None,
    manifests: bool = False,
) -> dict[str, Any]:
    """The section of a job's configuration file that says where the bucket is.

    Args:
        storage: the bucket.
        stack: whose backups they are.
        url: of the bucket, once it is known.
        max_age_minutes: see ``DatabaseBackupArgs``; None: it has no age.
        manifests: whether the job backs the stack's Kubernetes objects up as well.
    """
    section: dict[str, Any] = {
        "stack": stack,
        "url": url,
        "endpoint": storage.endpoint,
        "region": storage.region,
        "max_age_minutes": max_age_minutes,
        "manifests": MANIFESTS_PATH if manifests else None,
    }
    if storage.key_secret is not None:
        section |= {f"{key.replace('-', '_')}_file": f"{BUCKET_PATH}/{key}" for key in KEYS}
    return {key: value for key, value in section.items() if value is not None}
