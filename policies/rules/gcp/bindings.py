"""Roles of Google Cloud: who has them, on what, and which of them are too much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import dig

from ...documents.gcp_bindings import Binding, bindings
from ...finding import Severity
from ...rule import Check, Hit, Required, Rule, at
from ..rows import none_of, rows

_WHOLE: Final = ("gcp:projects/", "gcp:folder/", "gcp:organizations/", "google-native:cloudresour")
"""How types begin whose roles are on everything in a project, folder or organization."""

_PROVIDER: Final = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
_SHARED_ISSUERS: Final = (
    *("token.actions.githubusercontent.com", "https://gitlab.com", "app.terraform.io"),
    *("agent.buildkite.com", "api.pulumi.com/oidc"),
)
"""Issuers that give tokens to everyone who has an account with them."""

_CALLING: Final = frozenset({"roles/run.invoker", "roles/cloudfunctions.invoker"})
"""Roles that give nothing but the right to send requests to a service."""

_BROAD: Final = frozenset(
    {
        *("roles/editor", "roles/iam.securityAdmin", "roles/iam.serviceAccountAdmin"),
        *("roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountKeyAdmin"),
        *("roles/iam.serviceAccountUser", "roles/iam.workloadIdentityUser"),
        *("roles/resourcemanager.projectIamAdmin", "roles/resourcemanager.folderIamAdmin"),
        *("roles/resourcemanager.organizationAdmin", "roles/iam.organizationRoleAdmin"),
        *("roles/iam.roleAdmin", "roles/deploymentmanager.editor"),
    }
)
"""Roles by which one can get every other (CIS Google Cloud Foundation Benchmark 1.5, 1.6)."""

PUBLIC: Final = Rule(
    id="gcp-iam-004",
    severity=Severity.CRITICAL,
    reference="CIS Google Cloud Platform Foundation Benchmark 5.1",
    refuses="a role for everyone on the internet, other than the right to call a service",
    fix="name the accounts",
)
OWNER: Final = Rule(
    id="gcp-iam-005",
    severity=Severity.CRITICAL,
    reference="https://cloud.google.com/iam/docs/roles-overview#basic",
    refuses="the role Owner on a project, a folder or an organization",
    fix="give the predefined roles that are needed, on the resources themselves",
)
BROAD: Final = Rule(
    id="gcp-iam-006",
    severity=Severity.HIGH,
    reference="CIS Google Cloud Platform Foundation Benchmark 1.5, 1.6",
    refuses="a role on a whole project that leads to every other permission in it",
    fix="give the predefined role that is needed, on the resource or the account itself",
)


NOT_KNOWN: Final = Rule(
    id="gcp-iam-008",
    severity=Severity.LOW,
    reference="https://www.pulumi.com/docs/iac/concepts/inputs-outputs/",
    refuses="a policy that is known only after the deployment, and so is not checked",
    fix="write a binding or a member with values that are known",
)


ANY_IDENTITY: Final = Rule(
    id="gcp-iam-009",
    severity=Severity.HIGH,
    reference="https://cloud.google.com/iam/docs/best-practices-for-using-workload-identity-federation",
    refuses="a provider of identities that takes every token of a public issuer",
    fix="compare assertion.repository_owner, or your own namespace, in attributeCondition",
)


def roles_are_limited(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds roles for public principals, and privileged roles on a whole project."""
    for resource in graph.resources:
        if resource.type.startswith(("gcp:", "google-native:")):
            for binding in bindings(resource):
                yield from _binding(resource, binding)
            yield from _provider(resource)
            if resource.inputs.get("policyData") == UNKNOWN:
                what = "is known only after the deployment"
                so = "nobody has checked whom it gives which role"
                yield at(resource, "policyData", what, so, NOT_KNOWN.fix, NOT_KNOWN.id)


def _provider(resource: Resource) -> Iterator[Hit]:
    issuer = str(dig(resource.inputs, "oidc", "issuerUri"))
    if issuer.rstrip("/").endswith(_SHARED_ISSUERS) and not resource.inputs.get(
        "attributeCondition"
    ):
        what = f"is missing, and everyone has tokens of {issuer}"
        so = "a binding for the pool would be one for everyone"
        yield at(resource, "attributeCondition", what, so, ANY_IDENTITY.fix, ANY_IDENTITY.id)


def _binding(resource: Resource, binding: Binding) -> Iterator[Hit]:
    if binding.role not in _CALLING:
        for path, member in binding.public:
            so = "everyone on the internet would have that right"
            what = f"is {member}, for {binding.role}"
            yield at(resource, path, what, so, PUBLIC.fix, PUBLIC.id)
    if not resource.type.startswith(_WHOLE):
        return
    rule = OWNER if binding.role == "roles/owner" else BROAD if binding.role in _BROAD else None
    if rule:
        so = "an attacker who takes over the account could do nearly everything in it"
        yield at(resource, binding.role_path, f"is {binding.role}", so, rule.fix, rule.id)


CHECK: Final = Check(
    rules=(PUBLIC, OWNER, BROAD, NOT_KNOWN, ANY_IDENTITY),
    types=(
        _PROVIDER,
        *(f"gcp:projects/iAM{kind}:IAM{kind}" for kind in ("Member", "Binding", "Policy")),
        *(f"gcp:folder/iAM{kind}:IAM{kind}" for kind in ("Member", "Binding", "Policy")),
        *(f"gcp:organizations/iAM{kind}:IAM{kind}" for kind in ("Member", "Binding", "Policy")),
        *(f"gcp:storage/bucketIAM{kind}:BucketIAM{kind}" for kind in ("Member", "Binding")),
        "gcp:storage/bucketIAMPolicy:BucketIAMPolicy",
    ),
    find=roles_are_limited,
)


def _no_public_role(entry: Any) -> bool:
    return str(entry).rpartition(":")[2].casefold() not in ("allusers", "allauthenticatedusers")


_NOT_PUBLIC: Final = none_of("allUsers", "allAuthenticatedUsers")
_ACLS: Final = ("publicRead", "publicReadWrite", "authenticatedRead")

REQUIRED: Final[tuple[Required, ...]] = (
    *(
        row
        for places, allowed in (
            (
                (
                    ("gcp:storage/bucketAccessControl:BucketAccessControl", "entity"),
                    ("gcp:storage/objectAccessControl:ObjectAccessControl", "entity"),
                    (
                        "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl",
                        "entity",
                    ),
                    ("gcp:bigquery/dataset:Dataset", "accesses[*].specialGroup"),
                    ("gcp:bigquery/datasetAccess:DatasetAccess", "specialGroup"),
                    ("gcp:bigquery/dataset:Dataset", "accesses[*].iamMember"),
                ),
                _NOT_PUBLIC,
            ),
            (
                (
                    ("gcp:storage/bucketACL:BucketACL", "predefinedAcl"),
                    ("gcp:storage/bucketACL:BucketACL", "defaultAcl"),
                    ("gcp:storage/objectACL:ObjectACL", "predefinedAcl"),
                ),
                none_of(*_ACLS),
            ),
            (
                (
                    ("gcp:storage/bucketACL:BucketACL", "roleEntities[*]"),
                    ("gcp:storage/objectACL:ObjectACL", "roleEntities[*]"),
                    ("gcp:storage/defaultObjectACL:DefaultObjectACL", "roleEntities[*]"),
                ),
                _no_public_role,
            ),
        )
        for row in rows(
            "gcp-public-001",
            Severity.CRITICAL,
            "CIS Google Cloud Platform Foundation Benchmark 5.1, 7.1",
            "everyone on the internet could read the data",
            "name the accounts",
            places,
            allowed,
        )
    ),
    *rows(
        "gcp-iam-007",
        Severity.HIGH,
        "CIS Google Cloud Platform Foundation Benchmark 1.4",
        "a key that never expires can be copied, and is stored in the state",
        "attach the service account to what runs, or use workload identity federation",
        (("gcp:serviceaccount/key:Key", "serviceAccountId"),),
        (),
    ),
)
