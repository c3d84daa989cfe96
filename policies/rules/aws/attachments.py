"""Managed policies that are attached, and clusters whose API server is open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph, step
from graph.tree import branch

from ...finding import Severity
from ...ranges import everywhere, texts
from ...rule import Check, Hit, Rule, at
from ..rows import off

_MANAGED: Final = re.compile(r"arn:aws[\w-]*:iam::aws:policy/(?:[\w/-]+/)?(?P<name>[\w-]+)")
_BROAD: Final = re.compile(
    r"PowerUserAccess|IAMFullAccess|AdministratorAccess-[\w-]+|arn:aws[\w-]*:eks::aws:"
    r"cluster-access-policy/AmazonEKS(Cluster)?AdminPolicy"
)
_CLUSTERS: Final = ("aws:eks/cluster:Cluster", "eks:index:Cluster", "aws-native:eks:Cluster")
_ATTACHING: Final = tuple(
    f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    for name in (
        *("Role", "PolicyAttachment", "RolePolicyAttachment", "UserPolicyAttachment"),
        *("GroupPolicyAttachment", "RolePolicyAttachmentsExclusive"),
    )
)

ADMINISTRATOR: Final = Rule(
    id="aws-iam-001",
    severity=Severity.CRITICAL,
    reference="CIS AWS Foundations Benchmark 1.15",
    refuses="AdministratorAccess for a role, a user, a group or a permission set",
    fix="list the actions that are called, in a policy of its own",
)
BROAD: Final = Rule(
    id="aws-iam-009",
    severity=Severity.HIGH,
    reference="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_job-functions.html",
    refuses="a managed policy that allows nearly everything of the account, or of a cluster",
    fix="list the actions that are called, in a policy of its own",
)
OPEN_CLUSTER: Final = Rule(
    id="aws-eks-001",
    severity=Severity.HIGH,
    reference="AWS Security Hub EKS.1",
    refuses="a Kubernetes cluster whose API server everyone can reach",
    fix="set endpointPublicAccess to false, or list the networks in publicAccessCidrs",
)


def attachments_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds managed policies that make an administrator, and open Kubernetes API servers."""
    for resource in graph.resources:
        if resource.type.startswith(("aws:", "aws-native:", "awsx:", "eks:")):
            for path, text in _arns(resource.inputs):
                yield from _policy(resource, path, text)
        if resource.type in _CLUSTERS:
            yield from _cluster(resource)


def _arns(inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in inputs.items():
        if isinstance(value, str):
            if key != "permissionsBoundary" and value.startswith("arn:aws"):
                yield key, value
        elif isinstance(value, list):
            for index, one in enumerate(cast("list[Any]", value)):
                if isinstance(one, str) and one.startswith("arn:aws"):
                    yield step(key, index), one


def _policy(resource: Resource, path: str, arn: str) -> Iterator[Hit]:
    managed = _MANAGED.fullmatch(arn)
    name = managed["name"] if managed else arn
    if name == "AdministratorAccess":
        so = "an attacker who takes over a server with it could do everything in the account"
        yield at(resource, path, f"is {name}", so, ADMINISTRATOR.fix, ADMINISTRATOR.id)
    elif _BROAD.fullmatch(name):
        so = "an attacker who takes over a server with it could do nearly everything in the account"
        yield at(resource, path, f"is {name.rpartition('/')[2]}", so, BROAD.fix, BROAD.id)


def _cluster(cluster: Resource) -> Iterator[Hit]:
    where = next((key for key in ("vpcConfig", "resourcesVpcConfig") if key in cluster.inputs), "")
    settings = branch(cluster.inputs, where) if where else cluster.inputs
    if cluster.inputs.get(where) == UNKNOWN or off(settings.get("endpointPublicAccess")):
        return
    networks = settings.get("publicAccessCidrs")
    if not networks or everywhere(texts(networks)):
        yield at(
            cluster,
            step(where, "publicAccessCidrs"),
            "is everywhere" if networks else "is missing, which is everywhere",
            "everyone on the internet could try stolen tokens and known faults on it",
            OPEN_CLUSTER.fix,
            OPEN_CLUSTER.id,
        )


CHECK: Final = Check(
    rules=(ADMINISTRATOR, BROAD, OPEN_CLUSTER),
    types=(*_ATTACHING, *_CLUSTERS),
    find=attachments_are_bounded,
)
