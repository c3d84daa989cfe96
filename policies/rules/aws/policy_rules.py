"""The rules about policy documents of AWS, and the groups of actions that they use."""

from __future__ import annotations

import re
from typing import Final

from components.aws.function_rights import INTERFACES

from ...finding import Severity
from ...rule import Rule

_IAM: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"

ACTIONS: Final = Rule(
    id="aws-iam-002",
    severity=Severity.HIGH,
    reference="AWS Security Hub IAM.21",
    refuses="a policy that allows a wildcard of actions",
    fix="list the actions that are called",
)
EVERYTHING: Final = Rule(
    id="aws-iam-003",
    severity=Severity.CRITICAL,
    reference="CIS AWS Foundations Benchmark 1.15",
    refuses="a policy that allows every action of every service, or of IAM, on every resource",
    fix="list the actions that are called",
)
ALL_BUT: Final = Rule(
    id="aws-iam-004",
    severity=Severity.HIGH,
    reference=f"{_IAM}reference_policies_elements_notaction.html",
    refuses="a policy that allows everything except what it lists",
    fix="write Action and Resource, and list what is allowed",
)
RESOURCES: Final = Rule(
    id="aws-iam-005",
    severity=Severity.MEDIUM,
    reference=f"{_IAM}best-practices.html#grant-least-privilege",
    refuses="a policy that allows an action on every resource, or on every one of a kind",
    fix="name the ARNs",
)
EVERYBODY: Final = Rule(
    id="aws-iam-006",
    severity=Severity.CRITICAL,
    reference=f"{_IAM}reference_policies_elements_principal.html#principal-anonymous",
    refuses="a policy that allows every principal, without a condition that limits the callers",
    fix="name the principals, or compare aws:PrincipalOrgID or aws:SourceArn in a condition",
)
ESCALATION: Final = Rule(
    id="aws-iam-010",
    severity=Severity.HIGH,
    reference=f"{_IAM}id_roles_use_passrole.html",
    refuses="a permission on every role, user or policy that leads to every other permission",
    fix="name the one role or user in Resource",
)
FOREIGN: Final = Rule(
    id="aws-iam-011",
    severity=Severity.HIGH,
    reference=f"{_IAM}confused-deputy.html",
    refuses="a role that another account may assume without an external id",
    fix="compare sts:ExternalId in a condition, or name the one role that assumes it",
)
ANY_IDENTITY: Final = Rule(
    id="aws-iam-012",
    severity=Severity.CRITICAL,
    reference=f"{_IAM}id_roles_providers_create_oidc.html",
    refuses="a role that every identity of a public issuer of tokens may assume",
    fix="compare the :sub of the issuer with your own repositories in a condition",
)
NOT_KNOWN: Final = Rule(
    id="aws-iam-013",
    severity=Severity.LOW,
    reference="https://www.pulumi.com/docs/iac/concepts/inputs-outputs/",
    refuses="a policy document that is known only after the deployment, and so is not checked",
    fix="write the document from values that are known, or check it after the deployment",
)

POLICY_RULES: Final = (
    *(ACTIONS, EVERYTHING, ALL_BUT, RESOURCES, EVERYBODY),
    *(ESCALATION, FOREIGN, ANY_IDENTITY, NOT_KNOWN),
)

POLICY_TYPES: Final = (
    *("aws:iam/role:Role", "aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy"),
    *("aws:iam/userPolicy:UserPolicy", "aws:iam/groupPolicy:GroupPolicy"),
    *("aws:s3/bucketPolicy:BucketPolicy", "aws:sqs/queuePolicy:QueuePolicy"),
    *("aws:sns/topicPolicy:TopicPolicy", "aws:kms/keyPolicy:KeyPolicy", "aws:kms/key:Key"),
    *("aws:ecr/repositoryPolicy:RepositoryPolicy", "aws:backup/vaultPolicy:VaultPolicy"),
    "aws:dynamodb/resourcePolicy:ResourcePolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
    *("aws:ses/identityPolicy:IdentityPolicy", "aws:efs/fileSystemPolicy:FileSystemPolicy"),
    "aws:opensearch/domainPolicy:DomainPolicy",
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
)
"""Types of which a policy document is what matters; documents of other types are read as well."""

UNBOUNDED: Final[dict[str, str]] = {
    "ecr:GetAuthorizationToken": "the action has no resource: a token is for the whole registry",
    **dict.fromkeys(
        ("xray:PutTraceSegments", "xray:PutTelemetryRecords"), "X-Ray's traces have no ARN"
    ),
    **dict.fromkeys(INTERFACES, "Lambda asks for them on every resource before it uses a VPC"),
}
"""Actions that AWS allows on every resource only, each with its reason."""

_ROLE: Final = "arn:aws:iam::123456789012:role/any"
_USER: Final = "arn:aws:iam::123456789012:user/any"
_GROUP: Final = "arn:aws:iam::123456789012:group/any"
_POLICY: Final = "arn:aws:iam::123456789012:policy/any"

ESCALATIONS: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            *("iam:PassRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"),
            *("iam:UpdateAssumeRolePolicy", "sts:AssumeRole"),
        ),
        _ROLE,
    ),
    **dict.fromkeys(
        (
            *("iam:PutUserPolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey"),
            *("iam:CreateLoginProfile", "iam:UpdateLoginProfile"),
        ),
        _USER,
    ),
    **dict.fromkeys(("iam:PutGroupPolicy", "iam:AttachGroupPolicy", "iam:AddUserToGroup"), _GROUP),
    **dict.fromkeys(("iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"), _POLICY),
}
"""Actions by which one can get every right of the account, each with an ARN of what it is on."""

_ALL_OF_A_KIND: Final = re.compile(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:([a-z-]+[:/])?\*")


def is_all_of_a_kind(arn: str) -> bool:
    """Whether an ARN has a wildcard in place of the resource's name."""
    return bool(_ALL_OF_A_KIND.match(arn))
