"""Policy documents of AWS, in whatever property of whatever type they stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, cast

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import dig

from ...documents.aws_policy import Statement, statements
from ...documents.aws_principals import foreign_accounts, is_any_identity, is_everyone
from ...documents.pod_specs import is_of_kubernetes
from ...rule import Check, Hit, at
from .policy_rules import (
    ACTIONS,
    ALL_BUT,
    ANY_IDENTITY,
    ESCALATION,
    ESCALATIONS,
    EVERYBODY,
    EVERYTHING,
    FOREIGN,
    NOT_KNOWN,
    POLICY_RULES,
    POLICY_TYPES,
    RESOURCES,
    UNBOUNDED,
    is_all_of_a_kind,
)

_PACKAGES: Final = ("aws:", "aws-native:")

_ALL_SERVICES: Final = (
    *("iam:PutRolePolicy", "s3:GetObject", "ec2:RunInstances", "kms:Decrypt"),
    *("lambda:UpdateFunctionCode", "secretsmanager:GetSecretValue"),
)
_ALL_OF_IAM: Final = (
    *("iam:PutRolePolicy", "iam:AttachUserPolicy", "iam:CreateUser", "iam:PassRole"),
    *("iam:CreatePolicyVersion", "iam:CreateAccessKey"),
)
_SOME_ARNS: Final = (
    "arn:aws:iam::123456789012:role/any",
    "arn:aws:iam::123456789012:user/any",
    "arn:aws:iam::123456789012:policy/any",
)
_ARNS_OF_ALL: Final = (
    *_SOME_ARNS,
    "arn:aws:s3:::any",
    "arn:aws:ec2:eu-west-1:123456789012:instance/i-0",
)

_DOCUMENTS: Final = (
    *("policy", "assumeRolePolicy", "policyDocument", "accessPolicies", "resourcePolicy"),
    *("assumeRolePolicyDocument", "inlinePolicy", "keyPolicy"),
)
"""Properties that hold a document."""


def policies_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds policy documents that allow everyone, every action, or every resource."""
    own = _accounts(graph)
    for resource in graph.resources:
        if resource.is_kubernetes_object and is_of_kubernetes(resource):
            continue
        # Other packages have documents of the same form: MinIO's, operators' of Kubernetes, Ceph's.
        for statement in statements(resource):
            yield from _statement_hits(resource, statement, own)
        if resource.type.startswith(_PACKAGES):
            for key in _DOCUMENTS:
                if resource.inputs.get(key) == UNKNOWN and not _in_a_component(graph, resource):
                    what = "is known only after the deployment"
                    so = "nobody has checked what it allows"
                    yield at(resource, key, what, so, NOT_KNOWN.fix, NOT_KNOWN.id)


def _statement_hits(resource: Resource, statement: Statement, own: frozenset[str]) -> Iterator[Hit]:
    if not statement.allows:
        return
    yield from _principal_hits(resource, statement, own)
    if statement.not_actions or statement.not_resources:
        yield from _negated(resource, statement)
    if not statement.names_principals and not statement.not_actions:
        yield from _right_hits(resource, statement)


def _principal_hits(resource: Resource, statement: Statement, own: frozenset[str]) -> Iterator[Hit]:
    if is_everyone(statement):
        element = "NotPrincipal" if statement.not_principals else "Principal"
        yield at(
            resource,
            statement.at(element),
            "allows everybody",
            "everyone on the internet could use it",
            EVERYBODY.fix,
            EVERYBODY.id,
        )
    elif statement.covers_action("sts:AssumeRole"):
        for account in foreign_accounts(statement, own):
            yield at(
                resource,
                statement.at("Principal"),
                f"lets everyone in the account {account} assume the role, for whomever they serve",
                "a customer of that account could have it act on this one",
                FOREIGN.fix,
                FOREIGN.id,
            )
    if statement.covers_action("sts:AssumeRoleWithWebIdentity") and is_any_identity(statement):
        yield at(
            resource,
            statement.at("Principal"),
            "lets every identity of the provider assume the role",
            "everyone who has an account there could act with it",
            ANY_IDENTITY.fix,
            ANY_IDENTITY.id,
        )


def is_administrator(statement: Statement) -> bool:
    """Whether one that allows has all services, or all of IAM, on every resource."""
    if statement.names_principals or statement.conditions:
        return False
    return (
        all(map(statement.covers_action, _ALL_SERVICES)) and statement.covers_every(*_ARNS_OF_ALL)
    ) or (all(map(statement.covers_action, _ALL_OF_IAM)) and statement.covers_every(*_SOME_ARNS))


def _negated(resource: Resource, statement: Statement) -> Iterator[Hit]:
    for element, given in (
        ("NotAction", statement.not_actions),
        ("NotResource", statement.not_resources),
    ):
        if given:
            rule = EVERYTHING if is_administrator(statement) else ALL_BUT
            yield at(
                resource,
                statement.at(element),
                "allows everything except what it lists",
                "actions and resources that AWS adds later would be allowed as well",
                f"write {element.removeprefix('Not')}, and list what is allowed",
                rule.id,
            )


def _right_hits(resource: Resource, statement: Statement) -> Iterator[Hit]:
    administrator = is_administrator(statement)
    wide = [action for action in statement.actions if "*" in action]
    for action in wide:
        yield at(
            resource,
            statement.at("Action"),
            f"allows {action}",
            "an attacker who takes over the server could do all of that",
            ACTIONS.fix,
            (EVERYTHING if administrator else ACTIONS).id,
        )
    escalating = [] if administrator or statement.conditions else _escalating(statement)
    if escalating:
        yield at(
            resource,
            statement.at("Action"),
            f"allows {', '.join(escalating)} on every resource",
            "who has it could give itself every right of the account",
            ESCALATION.fix,
            ESCALATION.id,
        )
    yield from _resource_hits(resource, statement)


def _escalating(statement: Statement) -> list[str]:
    return [
        action
        for action, arn in ESCALATIONS.items()
        if statement.covers_action(action) and statement.covers_every(arn)
    ]


def _resource_hits(resource: Resource, statement: Statement) -> Iterator[Hit]:
    so = "it applies to resources of other stacks in the account"
    path = statement.at("Resource")
    for target in statement.resources:
        if is_all_of_a_kind(target):
            yield at(resource, path, f"allows {target}", so, "name the ARN", RESOURCES.id)
    rest = sorted({*statement.actions} - UNBOUNDED.keys())
    if "*" in statement.resources and rest:
        what = f"allows {', '.join(rest)} on every resource"
        yield at(resource, path, what, so, RESOURCES.fix, RESOURCES.id)


def _in_a_component(graph: ResourceGraph, resource: Resource) -> bool:
    """Whether one of our components wrote the document; their tests read it with values."""
    above = graph.find(resource.parent)
    while above is not None and not above.type.startswith("qudag-mcp:"):
        above = graph.find(above.parent)
    return above is not None


def _accounts(graph: ResourceGraph) -> frozenset[str]:
    """Numbers of the accounts that the program's providers are for."""
    found: set[str] = set()
    for provider in graph.all("pulumi:providers:aws"):
        allowed: Any = dig(provider.inputs, "allowedAccountIds")
        try:
            read: Any = json.loads(allowed) if isinstance(allowed, str) else allowed
        except ValueError:
            read = None
        if isinstance(read, list):
            found |= {str(each) for each in cast("list[Any]", read)}
    return frozenset(found)


CHECK: Final = Check(rules=POLICY_RULES, types=POLICY_TYPES, find=policies_are_bounded)
