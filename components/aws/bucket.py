"""Buckets that are private, encrypted, versioned and reached over TLS only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .identity import policy_document
from .location import AwsLocation
from .naming import physical_name

BUCKET: Final = "aws:s3/bucket:Bucket"
Statements = Callable[[pulumi.Output[str]], Sequence[Mapping[str, Any]]]
"""Statements of a bucket's policy, by the bucket's ARN."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What is stored in a bucket, and for how long.

    Attributes:
        expiration: the parts of the lifecycle rule that say what is deleted, and after how long.
        disposable: delete the objects together with the bucket; otherwise AWS refuses to delete a
            bucket that is not empty.
        key: ARN of the KMS key that encrypts the objects; None: a key of S3.
        protect: refuse to delete the bucket.
        writers: what the policy allows services of AWS.
        region: region of the bucket; None: the provider's.
        locked_days: days for which no version can be deleted; None: without object lock.
    """

    expiration: Mapping[str, Any]
    disposable: bool
    key: str | None = None
    protect: bool = False
    writers: Statements = lambda _arn: ()
    region: str | None = None
    locked_days: int | None = None


@dataclass(frozen=True)
class Bucket:
    """A bucket, and what must exist before objects are written.

    Attributes:
        resource: the bucket.
        ready: its settings.
    """

    resource: CloudResource
    ready: Sequence[pulumi.Resource]


def private_bucket(
    owner: Component[Any], location: AwsLocation, role: str, contents: Contents
) -> Bucket:
    """A bucket with its settings; ``role`` begins their logical names."""
    bucket = CloudResource(
        BUCKET,
        owner.named(role),
        {
            "bucket": physical_name(BUCKET, owner, location, role),
            "forceDestroy": contents.disposable,
            "objectLockEnabled": True if contents.locked_days else None,
            "region": contents.region,
        },
        outputs=("arn",),
        opts=owner.owned(protect=contents.protect),
    )
    name = bucket.output("id")
    place = _Place(name, contents.region)
    private = _private(owner, role, place, contents.key)
    arn = bucket.output("arn")
    transport = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, pulumi.Output.concat(arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = CloudResource(
        "aws:s3/bucketPolicy:BucketPolicy",
        owner.named(f"{role}-over-tls"),
        {**place.inputs, "policy": policy_document(transport, *contents.writers(arn))},
        opts=owner.owned(depends_on=[private]),
    )
    versioned = _versioned(owner, role, place, contents.expiration)
    ready = [private, versioned, policy]
    if contents.locked_days:
        ready.append(_locked(owner, role, place, contents.locked_days, versioned))
    return Bucket(bucket, ready)


@dataclass(frozen=True)
class _Place:
    """The bucket, by its name, and the region of its settings."""

    bucket: pulumi.Output[str]
    region: str | None

    @property
    def inputs(self) -> dict[str, Any]:
        return {"bucket": self.bucket, "region": self.region}


def _private(owner: Component[Any], role: str, place: _Place, key: str | None) -> CloudResource:
    CloudResource(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        owner.named(f"{role}-owner"),
        {**place.inputs, "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        opts=owner.owned(),
    )
    encryption: dict[str, Any] = {
        "applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"},
    }
    if key:
        encryption = {
            "applyServerSideEncryptionByDefault": {
                "sseAlgorithm": "aws:kms",
                "kmsMasterKeyId": key,
            },
            # One call to KMS a bucket instead of one an object.
            "bucketKeyEnabled": True,
        }
    CloudResource(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        owner.named(f"{role}-encryption"),
        {**place.inputs, "rules": [encryption]},
        opts=owner.owned(),
    )
    return CloudResource(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        owner.named(f"{role}-private"),
        {
            **place.inputs,
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        opts=owner.owned(),
    )


def _versioned(
    owner: Component[Any], role: str, place: _Place, expiration: Mapping[str, Any]
) -> CloudResource:
    versioned = CloudResource(
        "aws:s3/bucketVersioning:BucketVersioning",
        owner.named(f"{role}-versions"),
        {**place.inputs, "versioningConfiguration": {"status": "Enabled"}},
        opts=owner.owned(),
    )
    CloudResource(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        owner.named(f"{role}-retention"),
        {
            **place.inputs,
            "rules": [
                {
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    **expiration,
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
                }
            ],
        },
        opts=owner.owned(depends_on=[versioned]),
    )
    return versioned


def _locked(
    owner: Component[Any], role: str, place: _Place, days: int, versioned: CloudResource
) -> CloudResource:
    return CloudResource(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        owner.named(f"{role}-lock"),
        {
            **place.inputs,
            "objectLockEnabled": "Enabled",
            "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": days}},
        },
        opts=owner.owned(depends_on=[versioned]),
    )
