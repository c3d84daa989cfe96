"""Policies of our own components: no ARN of another owner, no interfaces for a function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast

from components.aws.facts import AWS_ARN
from components.aws.function_rights import INTERFACES
from graph.resource_graph import ResourceGraph

from ...documents.aws_policy import Statement, statements
from ...finding import Severity
from ...rule import Check, Hit, Rule, at
from .types import ROLE_POLICY

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

_ARN: Final = re.compile(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(?P<account>\d{12}):[\w/.:*+=,@${}-]+")


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


def rights_are_on_own_resources(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds ARNs that are not of this stack, and functions that may change network interfaces."""
    yield from arns_exist(graph, outside=OUTSIDE)
    yield from interfaces_are_lambdas_own(graph)


def interfaces_are_lambdas_own(graph: ResourceGraph) -> Iterator[Hit]:
    """A role that Lambda needs network interfaces for refuses them to the function's code."""
    policies = [(policy, [*statements(policy)]) for policy in graph.all(ROLE_POLICY)]
    refusing = {
        policy.inputs.get("role")
        for policy, said in policies
        for statement in said
        if not statement.allows and _of_function_code(statement)
    }
    for policy, said in policies:
        for statement in said:
            wide = sorted({*statement.actions} & {*INTERFACES})
            allows = statement.allows and "*" in statement.resources
            if allows and wide and policy.inputs.get("role") not in refusing:
                yield at(
                    policy,
                    statement.at("Action"),
                    f"allows {wide[0]} on every resource, to the function's code too",
                    "an attacker who takes over the function could change the VPC's interfaces",
                    NETWORK_INTERFACES.fix,
                    NETWORK_INTERFACES.id,
                )


def _of_function_code(statement: Statement) -> bool:
    return {*INTERFACES} <= {*statement.actions} and any(
        condition.key == "lambda:sourcefunctionarn" for condition in statement.conditions
    )


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
    rules=(OWN_ARNS, NETWORK_INTERFACES),
    types=tuple(_POLICIES),
    find=rights_are_on_own_resources,
)
