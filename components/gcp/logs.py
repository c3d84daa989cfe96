"""Log buckets of Cloud Logging with a retention."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .location import GcpLocation
from .naming import physical_name

_LOG_BUCKET: Final = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
_LOG_SINK: Final = "gcp:logging/projectSink:ProjectSink"


def log_bucket(
    owner: Component[Any],
    location: GcpLocation,
    service: str,
    *,
    retention_days: int,
    key: str | None,
) -> None:
    """A log bucket with a retention, and the sink that routes the service's logs to it.

    Args:
        owner: the component.
        location: project and region.
        service: the service's name.
        retention_days: of its logs.
        key: id of the KMS key that encrypts them; None: a key of Google.
    """
    bucket = CloudResource(
        _LOG_BUCKET,
        owner.named("logs"),
        {
            "project": location.project,
            "location": location.region,
            "bucketId": physical_name(_LOG_BUCKET, owner, location, "logs"),
            "retentionDays": retention_days,
            "cmekSettings": {"kmsKeyName": key} if key else None,
        },
        outputs=("name",),
        opts=owner.owned(),
    )
    CloudResource(
        _LOG_SINK,
        owner.named("log-route"),
        {
            "project": location.project,
            "name": physical_name(_LOG_SINK, owner, location, "logs"),
            "destination": pulumi.Output.concat("logging.googleapis.com/", bucket.output("id")),
            "filter": 'resource.type="cloud_run_revision" AND '
            f'resource.labels.service_name="{service}" AND '
            f'resource.labels.location="{location.region}"',
            # Within one project a sink writes to a log bucket without an identity of its own.
            "uniqueWriterIdentity": False,
        },
        opts=owner.owned(),
    )
