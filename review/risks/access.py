"""Rights that a change adds: roles, bindings, tokens, cloud grants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from graph.kubernetes import called, kind
from graph.resource_graph import Resource
from graph.tree import dig, entries

from ..diff import Change, Diff

_ANY = "*"
_CLOUD_GRANT = re.compile(
    r":\w*(IAMMember|IAMBinding|IamMember|IamBinding|RoleAssignment|RolePolicyAttachment"
    r"|RolePolicy|PolicyAttachment)$"
)
_CLOUD_POLICY = re.compile(r":(iam/policy:Policy|\w*BucketPolicy|lambda/permission:Permission)$")


@dataclass(frozen=True)
class Right:
    """One verb on one resource; ``*`` for any."""

    group: str
    resource: str
    name: str
    verb: str

    def covers(self, other: Right) -> bool:
        pairs = (
            (self.group, other.group),
            (self.resource, other.resource),
            (self.name, other.name),
            (self.verb, other.verb),
        )
        return all(own in (_ANY, theirs) for own, theirs in pairs)

    def __str__(self) -> str:
        kind = f"{self.resource}.{self.group}" if self.group else self.resource
        named = f" {self.name}" if self.name != _ANY else ""
        return f"{'every verb' if self.verb == _ANY else self.verb} on {kind}{named}"


def rights(role: Resource) -> set[Right]:
    """What a Role or a ClusterRole permits."""
    permitted: set[Right] = set()
    for rule in entries(role.inputs, "rules"):
        names = entries(rule, "resourceNames") or [_ANY]
        resources = entries(rule, "resources")
        verbs = entries(rule, "verbs")
        for group, resource, name, verb in product(
            entries(rule, "apiGroups") or [""], resources, names, verbs
        ):
            permitted.add(Right(group, resource, name, verb))
        for path, verb in product(entries(rule, "nonResourceURLs"), verbs):
            permitted.add(Right("", f"path {path}", _ANY, verb))
    return permitted


def loosened_roles(change: Change, _diff: Diff) -> Iterator[str]:
    """A role permits more, a binding binds more, a token is mounted, a cloud grant appears."""
    before, after = change.before, change.after
    if after is None:
        return
    match kind(after):
        case "Role" | "ClusterRole" if before is not None:
            known = rights(before)
            for right in sorted(rights(after), key=str):
                if not any(old.covers(right) for old in known):
                    yield f"{called(after)} now permits {right}"
        case "RoleBinding" | "ClusterRoleBinding":
            old = _bound(before) if before else set[str]()
            yield from (f"{called(after)} gives {bound}" for bound in sorted(_bound(after) - old))
        case "ServiceAccount":
            if _keeps_token_away(before) and not _keeps_token_away(after):
                yield f"pods of {called(after)} get its API token mounted again"
        case "":
            yield from _cloud(before, after)
        case _:
            return


def _bound(binding: Resource) -> set[str]:
    role = f"{dig(binding.inputs, 'roleRef', 'kind')} {dig(binding.inputs, 'roleRef', 'name')}"
    return {f"{_subject(one)} the {role}" for one in entries(binding.inputs, "subjects")}


def _subject(subject: Any) -> str:
    space = dig(subject, "namespace")
    name = dig(subject, "name")
    return f"{dig(subject, 'kind')} {space}/{name}" if space else f"{dig(subject, 'kind')} {name}"


def _keeps_token_away(account: Resource | None) -> bool:
    return account is not None and account.inputs.get("automountServiceAccountToken") is False


def _cloud(before: Resource | None, after: Resource) -> Iterator[str]:
    if _CLOUD_GRANT.search(after.type):
        role = after.inputs.get("role") or after.inputs.get("roleDefinitionId") or "a role"
        yield f"{called(after)} {'changes a grant' if before else 'grants'} of {role}"
    elif _CLOUD_POLICY.search(after.type) and before is not None:
        yield f"{called(after)} changes what its policy permits"
