"""The bucket for a function's archive: private, encrypted, versioned, TLS only."""

from __future__ import annotations

from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from ..mcp.archive import Archive
from .identity import policy_document
from .location import AwsLocation
from .naming import physical_name

BUCKET: Final = "aws:s3/bucket:Bucket"
OLD_VERSIONS_DAYS: Final = 30
"""Days that archives of earlier deployments are kept."""


def stored_archive(owner: Component[Any], location: AwsLocation, archive: Archive) -> CloudResource:
    """The archive as an object; its key contains the digest, so a new archive is a new object."""
    bucket = CloudResource(
        BUCKET,
        owner.named("code"),
        # Archives can be built again, and old versions would prevent the deletion.
        {"bucket": physical_name(BUCKET, owner, location, "code"), "forceDestroy": True},
        outputs=("arn",),
        opts=owner.owned(),
    )
    name = bucket.output("id")
    private = _private(owner, name)
    transport = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket.output("arn"), pulumi.Output.concat(bucket.output("arn"), "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    CloudResource(
        "aws:s3/bucketPolicy:BucketPolicy",
        owner.named("code-over-tls"),
        {"bucket": name, "policy": policy_document(transport)},
        opts=owner.owned(depends_on=[private]),
    )
    versioned = _versioned(owner, name)
    return CloudResource(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        owner.named("archive"),
        {
            "bucket": name,
            "key": f"functions/{owner.name}/{archive.tag}.zip",
            "source": archive.asset(),
            "contentType": "application/zip",
        },
        opts=owner.owned(depends_on=[private, versioned]),
    )


def _private(owner: Component[Any], bucket: pulumi.Output[str]) -> CloudResource:
    CloudResource(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        owner.named("code-owner"),
        {"bucket": bucket, "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        opts=owner.owned(),
    )
    CloudResource(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        owner.named("code-encryption"),
        {
            "bucket": bucket,
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
        opts=owner.owned(),
    )
    return CloudResource(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        owner.named("code-private"),
        {
            "bucket": bucket,
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        opts=owner.owned(),
    )


def _versioned(owner: Component[Any], bucket: pulumi.Output[str]) -> CloudResource:
    versioned = CloudResource(
        "aws:s3/bucketVersioning:BucketVersioning",
        owner.named("code-versions"),
        {"bucket": bucket, "versioningConfiguration": {"status": "Enabled"}},
        opts=owner.owned(),
    )
    CloudResource(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        owner.named("code-retention"),
        {
            "bucket": bucket,
            "rules": [
                {
                    "id": "old-versions",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "noncurrentVersionExpiration": {"noncurrentDays": OLD_VERSIONS_DAYS},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
                }
            ],
        },
        opts=owner.owned(depends_on=[versioned]),
    )
    return versioned
