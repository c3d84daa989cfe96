"""Policies of IAM and of resources: no right on everything, no ARN of another owner."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from components.aws.facts import AWS_ARN
from components.aws.function_network import INTERFACES
from graph.resource_graph import UNKNOWN, Resource, ResourceGraph

from ...finding import Severity
from ...rule import Check, Hit, Rule, at, values
from .types import BUCKET_POLICY, ROLE, ROLE_POLICY

POLICY_DOCUMENTS: Final = (
    (ROLE, "assumeRolePolicy"),
    (ROLE, "inlinePolicies[*].policy"),
    (ROLE_POLICY, "policy"),
    ("aws:iam/policy:Policy", "policy"),
    (BUCKET_POLICY, "policy"),
    ("aws:sqs/queuePolicy:QueuePolicy", "policy"),
)
"""Types with the path of their policy document."""

UNBOUNDED: Final[dict[str, str]] = {
    "ecr:GetAuthorizationToken": "the action has no resource: a token is for the whole registry",
    **dict.fromkeys(
        ("xray:PutTraceSegments", "xray:PutTelemetryRecords"), "X-Ray's traces have no ARN"
    ),
    **dict.fromkeys(INTERFACES, "Lambda asks for them on every resource before it uses a VPC"),
}
"""Actions that AWS allows on every resource only, each with its reason."""

OUTSIDE: Final[tuple[str, ...]] = (
    # Named in the configuration: secrets under qudag-mcp/, and the load balancer's certificate.
    AWS_ARN,
    r"arn:aws:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+",
    # Your own key.
    r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/[\w-]+",
    # Repositories of images that were pushed before.
    r"arn:aws:ecr:[a-z0-9-]+:\d{12}:repository/[\w./-]+",
)
"""ARNs of resources that exist before the stack is deployed."""

_ALL_OF_A_KIND: Final = re.compile(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:([a-z-]+[:/])?\*")
"""An ARN that has a wildcard in place of the resource's name."""

_ARN: Final = re.compile(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(?P<account>\d{12}):[\w/.:*+=,@${}-]+")


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
    refuses="a policy that allows every action of every service",
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
    refuses="a policy that allows everybody, without a condition",
    fix="name the principals",
)
OWN_ARNS: Final = Rule(
    id="aws-iam-007",
    severity=Severity.MEDIUM,
    reference="https://www.pulumi.com/docs/iac/concepts/inputs-outputs/",
    refuses="a policy that names the ARN of a resource of another owner",
    fix="pass the arn of the resource itself",
    house=True,
)
NETWORK_INTERFACES: Final = Rule(
    id="aws-iam-008",
    severity=Severity.MEDIUM,
    reference="https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
    refuses="a role whose function may change the VPC's network interfaces",
    fix="deny them to the role where lambda:SourceFunctionArn is the function's",
    house=True,
)


def policies_are_exact(graph: ResourceGraph) -> Iterator[Hit]:
    """No policy allows every action or every resource, and none names an unknown ARN."""
    yield from rights_are_exact(graph, POLICY_DOCUMENTS, UNBOUNDED)
    yield from arns_exist(graph, outside=OUTSIDE)
    yield from interfaces_are_lambdas_own(graph)


def interfaces_are_lambdas_own(graph: ResourceGraph) -> Iterator[Hit]:
    """A role that Lambda needs network interfaces for refuses them to the function's code."""
    policies = graph.all(ROLE_POLICY)
    refusing = {
        policy.inputs.get("role")
        for policy in policies
        for statement in _statements(policy.inputs.get("policy"))
        if statement.get("Effect") == "Deny" and _of_function_code(statement, INTERFACES)
    }
    for policy in policies:
        for number, statement in enumerate(_statements(policy.inputs.get("policy"))):
            allows = statement.get("Effect") == "Allow" and "*" in _many(statement.get("Resource"))
            wide = sorted({*_many(statement.get("Action"))} & {*INTERFACES})
            if allows and wide and policy.inputs.get("role") not in refusing:
                yield at(
                    policy,
                    f"policy.Statement[{number}].Action",
                    f"allows {wide[0]} on every resource, to the function's code too",
                    "an attacker who takes over the function could change the VPC's interfaces",
                    NETWORK_INTERFACES.fix,
                    NETWORK_INTERFACES.id,
                )


def _of_function_code(statement: Mapping[str, Any], actions: Iterable[str]) -> bool:
    conditions = cast("dict[str, Any]", statement.get("Condition") or {}).values()
    return {*actions} <= {*_many(statement.get("Action"))} and any(
        "lambda:SourceFunctionArn" in each for each in conditions
    )


def rights_are_exact(
    graph: ResourceGraph, documents: Iterable[tuple[str, str]], unbounded: Mapping[str, str]
) -> Iterator[Hit]:
    """No policy allows every action or every resource, unless AWS knows no finer right.

    Args:
        documents: type tokens, each with the path of a policy document.
        unbounded: actions for which AWS knows no resource, each with its reason.
    """
    for token, key in documents:
        for resource in graph.all(token):
            for path, document in values(resource.inputs, key):
                for number, statement in enumerate(_statements(document)):
                    at_statement = f"{path}.Statement[{number}]"
                    yield from _inexact(resource, at_statement, statement, unbounded)


def _inexact(
    resource: Resource, path: str, statement: Mapping[str, Any], unbounded: Mapping[str, str]
) -> Iterator[Hit]:
    if statement.get("Effect") != "Allow":
        return
    actions, targets = _many(statement.get("Action")), _many(statement.get("Resource"))
    for action in actions:
        if "*" in action:
            yield at(
                resource,
                f"{path}.Action",
                f"allows {action}",
                "an attacker who takes over the server could do all of that",
                ACTIONS.fix,
                (EVERYTHING if action in ("*", "*:*") else ACTIONS).id,
            )
    for turned in ("NotAction", "NotResource"):
        if turned in statement:
            yield at(
                resource,
                f"{path}.{turned}",
                "allows everything except what it lists",
                "actions and resources that AWS adds later would be allowed as well",
                f"write {turned.removeprefix('Not')}, and list what is allowed",
                ALL_BUT.id,
            )
    for target in targets:
        if _ALL_OF_A_KIND.match(target):
            yield at(
                resource,
                f"{path}.Resource",
                f"allows {target}",
                "it applies to resources of other stacks in the account",
                "name the ARN",
                RESOURCES.id,
            )
    if "*" in targets and not set(actions) <= unbounded.keys():
        rest = ", ".join(sorted(set(actions) - unbounded.keys()))
        yield at(
            resource,
            f"{path}.Resource",
            f"allows {rest} on every resource",
            "it applies to resources of other stacks in the account",
            RESOURCES.fix,
            RESOURCES.id,
        )
    if _many(statement.get("Principal")) == ["*"] and not statement.get("Condition"):
        yield at(
            resource,
            f"{path}.Principal",
            "allows everybody",
            "everyone on the internet could use it",
            EVERYBODY.fix,
            EVERYBODY.id,
        )


def _statements(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, str) or document == UNKNOWN:
        return []
    statements: Any = json.loads(document).get("Statement", [])
    single = isinstance(statements, dict)
    return [cast("dict[str, Any]", statements)] if single else cast("list[Any]", statements)


def _many(value: Any) -> list[str]:
    """One or several, as policy documents may say either; a principal by its kind likewise."""
    match value:
        case None:
            return []
        case dict():
            return [one for each in cast("dict[str, Any]", value).values() for one in _many(each)]
        case list():
            return [str(each) for each in cast("list[Any]", value)]
        case _:
            return [str(value)]


def arns_exist(graph: ResourceGraph, *, outside: Iterable[str]) -> Iterator[Hit]:
    """Each ARN of a policy is of a resource of the graph, or matches ``outside``.

    Args:
        outside: regular expressions of ARNs that the configuration names: secrets, certificates.
    """
    ours = {
        arn
        for each in graph.resources
        for key, said in each.outputs.items()
        if key not in each.inputs
        for arn in _arns(said)
    }
    known_outside = re.compile("|".join(outside))
    for resource in graph.resources:
        if resource.type not in _POLICIES:
            continue
        for arn in sorted(set(_arns(resource.inputs))):
            if not known_outside.fullmatch(arn) and not any(_covers(arn, own) for own in ours):
                yield at(
                    resource,
                    _POLICIES[resource.type],
                    f"names {arn}, and no resource of this stack has that ARN",
                    "the right would apply to another owner's resource, or to none",
                    OWN_ARNS.fix,
                    OWN_ARNS.id,
                )


_POLICIES: Final = {
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/policy:Policy": "policy",
}


def _covers(arn: str, own: str) -> bool:
    """Whether a policy's ARN is ``own`` or something inside it: an index, a stream, a stage."""
    return arn == own or arn.startswith((f"{own}/", f"{own}:"))


def _arns(tree: Any) -> Iterator[str]:
    match tree:
        case str():
            yield from (found[0] for found in _ARN.finditer(tree))
        case dict():
            for inner in cast("dict[str, Any]", tree).values():
                yield from _arns(inner)
        case list():
            for inner in cast("list[Any]", tree):
                yield from _arns(inner)
        case _:
            pass


CHECK: Final = Check(
    rules=(
        *(ACTIONS, EVERYTHING, ALL_BUT, RESOURCES, EVERYBODY),
        *(OWN_ARNS, NETWORK_INTERFACES),
    ),
    types=tuple(sorted({token for token, _ in POLICY_DOCUMENTS})),
    find=policies_are_exact,
)
