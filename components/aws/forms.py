"""Forms of texts that name things of AWS: places, networks, secrets."""

from __future__ import annotations

from typing import Final

from ..base.cloud_facts import NO_SUCH_MACHINE, NO_SUCH_PLACE, NOT_FOUND
from ..base.constraints import Form
from ..base.network_forms import CIDR, WIDEST
from .facts import AWS_REFERENCE

ACCOUNT: Final = Form(
    name="AWS account",
    pattern=r"^[0-9]{12}$",
    words="the twelve digits of an AWS account, in quotes",
    examples=("123456789012",),
    consequence="resources could go to any account that the credentials happen to be for",
)
REGION: Final = Form(
    name="AWS region",
    pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$",
    words="a region of AWS",
    examples=("eu-west-1", "us-east-1"),
    consequence=NO_SUCH_PLACE,
)
VPC: Final = Form(
    name="VPC",
    pattern=r"^vpc-([0-9a-f]{8}|[0-9a-f]{17})$",
    words="the id of a VPC",
    examples=("vpc-0a1b2c3d4e5f60718",),
    consequence=NOT_FOUND,
)
SUBNET: Final = Form(
    name="subnet",
    pattern=r"^subnet-([0-9a-f]{8}|[0-9a-f]{17})$",
    words="the id of a subnet",
    examples=("subnet-0a1b2c3d4e5f60718",),
    consequence=NOT_FOUND,
)
CERTIFICATE: Final = Form(
    name="certificate",
    pattern=r"^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{36}$",
    words="the ARN of a certificate in AWS Certificate Manager",
    examples=(
        "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-0000-4000-8000-0123456789ab",
    ),
    consequence="the load balancer would have no certificate for the domain",
)
_NO_RULE: Final = "AWS refuses the rule of the security group"


def _target(written: str) -> tuple[str, str, str] | None:
    """What is wrong with a network that tasks may connect to, if anything is."""
    assert CIDR.check is not None
    found = CIDR.check(written)
    if found is None:
        return None
    what, consequence, fix = found
    if consequence == CIDR.consequence:
        return what, _NO_RULE, fix
    if written.endswith(tuple(f"/{length}" for length in range(WIDEST[4]))):
        return (
            what,
            "the security group would allow connections to almost any address",
            "list the networks that tasks connect to",
        )
    return found


TARGET_NETWORK: Final = Form(
    name="IPv4 network",
    pattern=r"^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$",
    words="a network of IPv4 with its mask; a single address has /32",
    examples=("10.0.0.0/8", "203.0.113.7/32"),
    consequence=_NO_RULE,
    check=_target,
)
TOPIC: Final = Form(
    name="SNS topic",
    pattern=r"^arn:aws:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$",
    words="the ARN of a topic of Amazon SNS",
    examples=("arn:aws:sns:eu-west-1:123456789012:on-call",),
    consequence="alarms would notify nobody",
)
BUCKET: Final = Form(
    name="bucket",
    pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
    words="the name of a bucket of Amazon S3",
    examples=("qudag-access-logs",),
    consequence="no access log could be written to it",
    longest=63,
)
SECRET: Final = Form(
    name="AWS secret",
    pattern=f"^{AWS_REFERENCE}$",
    words="the ARN of a secret whose name begins with qudag-mcp/, with the six characters that AWS "
    "puts at its end; :key:: after it is one key of a JSON secret",
    examples=("arn:aws:secretsmanager:eu-west-1:123456789012:secret:qudag-mcp/api-key-a1B2c3",),
    consequence="the server's role would be given another owner's secret, or none",
    longest=512,
    secret=True,
)
SECURITY_GROUP: Final = Form(
    name="security group",
    pattern="^sg-([0-9a-f]{8}|[0-9a-f]{17})$",
    words="the id of a security group",
    examples=("sg-0a1b2c3d4e5f60718",),
    consequence=NOT_FOUND,
)
PREFIX_LIST: Final = Form(
    name="prefix list",
    pattern="^pl-([0-9a-f]{8}|[0-9a-f]{17})$",
    words="the id of a prefix list",
    examples=("pl-0a1b2c3d4e5f60718",),
    consequence=NOT_FOUND,
)
KEY: Final = Form(
    name="KMS key",
    pattern=r"^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/(mrk-)?[0-9a-f-]{32,36}$",
    words="the ARN of a key of AWS KMS, and no alias",
    examples=("arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-4000-8000-0123456789ab",),
    consequence="nothing could be encrypted with it, or the roles would have no right on it",
)
WEB_ACL: Final = Form(
    name="web ACL",
    pattern=r"^arn:aws:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/[A-Za-z0-9_-]{1,128}/[0-9a-f-]{36}$",
    words="the ARN of a regional web ACL of AWS WAF",
    examples=(
        "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/mcp/0a1b2c3d-0000-4000-8000-0123456789ab",
    ),
    consequence="the load balancer could not be associated with it",
)
DATABASE_MACHINE: Final = Form(
    name="instance class",
    pattern=r"^db\.[a-z0-9-]+\.[a-z0-9]+$",
    words="an instance class of Amazon RDS",
    examples=("db.t4g.medium",),
    consequence=NO_SUCH_MACHINE,
)
CACHE_MACHINE: Final = Form(
    name="node type",
    pattern=r"^cache\.[a-z0-9-]+\.[a-z0-9]+$",
    words="a node type of Amazon ElastiCache",
    examples=("cache.t4g.small",),
    consequence=NO_SUCH_MACHINE,
)
CACHE_PASSWORD: Final = Form(
    name="cache password",
    pattern="^[!-~]+$",
    words="16 to 128 characters of ASCII without spaces (openssl rand -hex 24)",
    examples=(),
    consequence="ElastiCache refuses it (User Guide, Role-Based Access Control)",
    shortest=16,
    longest=128,
    secret=True,
)
ROLE_ARN: Final = Form(
    name="IAM role",
    pattern=r"^arn:aws:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$",
    words="the ARN of an IAM role",
    examples=("arn:aws:iam::123456789012:role/qudag-backup",),
    consequence="S3 refuses the bucket's policy, and nobody could write backups",
    longest=576,
)
