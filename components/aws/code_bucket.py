"""The bucket for a function's archive."""

from __future__ import annotations

from typing import Any, Final

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..mcp.archive import Archive
from .access_logs import Writer, access_log_bucket
from .bucket import Contents, private_bucket
from .function_args import AwsLambdaArgs

OLD_VERSIONS_DAYS: Final = 30
"""Days that archives of earlier deployments are kept."""


def stored_archive(owner: Component[Any], args: AwsLambdaArgs, archive: Archive) -> CloudResource:
    """The archive as an object; its key contains the digest, so a new archive is a new object."""
    expiration = {
        "id": "old-versions",
        "noncurrentVersionExpiration": {"noncurrentDays": OLD_VERSIONS_DAYS},
    }
    contents = Contents(
        expiration=expiration,
        # Archives can be built again, and old versions would prevent the deletion.
        disposable=not args.protect,
        key=args.kms_key,
    )
    bucket = private_bucket(owner, args.location, "code", contents)
    name = bucket.resource.output("id")
    if args.access_log_days:
        logs = access_log_bucket(
            owner,
            args.location,
            Writer.S3,
            days=args.access_log_days,
            protect=args.protect,
        )
        CloudResource(
            "aws:s3/bucketLogging:BucketLogging",
            owner.named("code-access-log"),
            {
                "bucket": name,
                "targetBucket": logs.resource.output("id"),
                "targetPrefix": f"{owner.name}/",
            },
            opts=owner.owned(depends_on=logs.ready),
        )
    return CloudResource(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        owner.named("archive"),
        {
            "bucket": name,
            "key": f"functions/{owner.name}/{archive.tag}.zip",
            "source": archive.asset(),
            "contentType": "application/zip",
        },
        opts=owner.owned(depends_on=bucket.ready),
    )
