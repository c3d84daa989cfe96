"""What AWS resources must be: encrypted, private, logged, backed up, inside AWS's limits."""

from __future__ import annotations

from typing import Final

from .rule import Companion, Reference, Required

REQUIRED: Final[tuple[Required, ...]] = ()
COMPANIONS: Final[tuple[Companion, ...]] = ()
REFERENCES: Final[tuple[Reference, ...]] = (
    Reference(on="aws:lambda/function:Function", path="role", to="aws:iam/role:Role", output="arn"),
)
POLICY_DOCUMENTS: Final = {
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
}
"""By type token, the property that holds a policy document."""

UNBOUNDED: Final[dict[str, str]] = {
    "ecr:GetAuthorizationToken": "a token is for all that the account may pull: it has no resource",
}
"""Actions that AWS allows on every resource only, each with its reason."""

OUTSIDE: Final[tuple[str, ...]] = (
    # What the configuration names: secrets under qudag-mcp/, and the load balancer's certificate.
    r"arn:aws:secretsmanager:[a-z0-9-]+:\d{12}:secret:qudag-mcp/[\w/+=.@-]+",
    r"arn:aws:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+",
    # Images that were pushed before: the repository is not this stack's to make.
    r"arn:aws:ecr:[a-z0-9-]+:\d{12}:repository/[\w./-]+",
)
"""ARNs of resources that no stack of ours makes."""
