"""Where a CloudNativePG cluster archives: the ObjectStore of the Barman Cloud plugin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import pulumi

from ..base.arg_types import (
    BackupFolder,
    BackupSchedule,
    CloudIdentity,
    Network,
    RetentionPolicy,
    StorageUrl,
    WalJobs,
)
from ..base.problems import Problem
from .cloud_identity import SYSTEMS
from .resources import Resources
from .schedule import schedule_problem

PLUGIN: Final = "barman-cloud.cloudnative-pg.io"
"""Name of the plugin in `spec.plugins` of a Cluster."""
StorageProvider = Literal["aws", "gcp", "azure"]
SIDECAR_RESOURCES: Final = Resources(cpu="50m", memory="128Mi", cpu_limit="1", memory_limit="512Mi")


class _Access(NamedTuple):
    """How the plugin reaches the storage of a cloud.

    Attributes:
        scheme: of the storage's URLs.
        credentials: of the ObjectStore.
    """

    scheme: str
    credentials: dict[str, Any]


_ACCESS: Final[dict[StorageProvider, _Access]] = {
    "aws": _Access(
        scheme="s3://",
        credentials={"s3Credentials": {"inheritFromIAMRole": True}},
    ),
    "gcp": _Access(
        scheme="gs://",
        credentials={"googleCredentials": {"gkeEnvironment": True}},
    ),
    "azure": _Access(
        scheme="https://",
        credentials={"azureCredentials": {"inheritFromAzureAD": True}},
    ),
}


@dataclass(frozen=True, kw_only=True)
class ObjectStorage:
    """A bucket for WAL files and base backups, which the pods reach by their workload identity.

    Attributes:
        provider: cloud of the bucket.
        url: bucket and path: ``s3://``, ``gs://`` or
            ``https://<account>.blob.core.windows.net/<container>/<path>``.
        identity: whose rights the pods have: the ARN of a role, a service account's address, or
            the client id of a managed identity. It must trust the service account of the cluster,
            which has the cluster's name.
        networks: networks in which the storage and the cloud's token service answer at port 443,
            such as those of their private endpoints.
        retention: how far back the database can be restored, such as ``30d``.
        schedule: six cron fields, beginning with the second, of the base backups, in UTC.
        server_name: folder of the backups; None: the cluster's name. After a major upgrade and in
            a restored cluster it must be another one.
        wal_jobs: WAL files that are archived at the same time.
        sidecar: resources of the plugin's container in each pod.
    """

    provider: StorageProvider
    url: pulumi.Input[StorageUrl]
    identity: pulumi.Input[CloudIdentity]
    networks: Sequence[Network]
    retention: RetentionPolicy = "30d"
    schedule: BackupSchedule = "0 0 2 * * *"
    server_name: BackupFolder | None = None
    wal_jobs: WalJobs = 8
    sidecar: Resources = field(default_factory=lambda: SIDECAR_RESOURCES)

    def refusals(self) -> list[Problem]:
        """A URL of another cloud, no network, and a schedule that is not six fields."""
        problems: list[Problem] = []
        scheme = _ACCESS[self.provider].scheme
        if isinstance(self.url, str) and not self.url.startswith(scheme):
            problems.append(
                Problem(
                    "url",
                    f"is {self.url}, and provider is {self.provider}",
                    "no WAL file would be archived: the disks fill up until the database stops",
                    f"write a URL that begins with {scheme}, or another provider",
                )
            )
        if not self.networks:
            problems.append(
                Problem(
                    "networks",
                    "is an empty list",
                    "the network policies would drop every packet to the storage",
                    "list the networks of the private endpoints of the storage and of the cloud's "
                    "token service",
                )
            )
        if problem := schedule_problem(self.schedule, seconds=True):
            problems.append(
                Problem(
                    "schedule",
                    problem,
                    "five fields begin with the minute, but the operator reads the second first",
                    'write six fields, such as "0 0 2 * * *" for 02:00',
                )
            )
        return problems


def object_store_spec(storage: ObjectStorage) -> dict[str, Any]:
    """The spec of the ObjectStore; S4's compression and parallelism."""
    return {
        "configuration": {
            "destinationPath": storage.url,
            **_ACCESS[storage.provider].credentials,
            "data": {"compression": "gzip"},
            "wal": {"compression": "gzip", "maxParallel": storage.wal_jobs},
        },
        "retentionPolicy": storage.retention,
        "instanceSidecarConfiguration": {"resources": storage.sidecar.spec()},
    }


def archive_plugin(storage: ObjectStorage, store: str, cluster: str) -> dict[str, Any]:
    """The item of `spec.plugins` that archives WAL files to the ObjectStore ``store``."""
    return {
        "name": PLUGIN,
        "isWALArchiver": True,
        "parameters": {
            "barmanObjectName": store,
            "serverName": storage.server_name or cluster,
        },
    }


def scheduled_backup_spec(storage: ObjectStorage, cluster: str) -> dict[str, Any]:
    """The spec of the ScheduledBackup; the first backup is made at once."""
    return {
        "cluster": {"name": cluster},
        "schedule": storage.schedule,
        "immediate": True,
        "method": "plugin",
        "pluginConfiguration": {"name": PLUGIN},
        "target": "prefer-standby",
        # A deleted schedule leaves the objects of the backups that it made.
        "backupOwnerReference": "none",
    }


def account_annotations(storage: ObjectStorage) -> dict[str, pulumi.Input[str]]:
    """Annotations of the service account, by which the cloud knows the identity."""
    return {SYSTEMS[storage.provider].annotation: storage.identity}


def pod_labels(storage: ObjectStorage) -> dict[str, str]:
    """Labels that the pods need for the identity."""
    return dict(SYSTEMS[storage.provider].labels)


def token_servers(storage: ObjectStorage) -> tuple[tuple[str, int], ...]:
    """Network and port of each metadata server that gives the pods their token."""
    found = SYSTEMS[storage.provider].metadata
    return tuple((f"{address}/32", port) for address, port in found)
