"""Roles and bindings of Kubernetes, and tokens of service accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from graph.resource_graph import Resource, ResourceGraph
from graph.tree import branch, dig, entries

from ...documents.pod_specs import WORKLOADS, pod_specs
from ...finding import Severity
from ...rule import Check, Hit, Rule, at

_PRACTICES: Final = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"
_EVERYONE: Final = frozenset(
    {
        *("system:unauthenticated", "system:authenticated", "system:anonymous"),
        "system:serviceaccounts",
    }
)
_FOR_EVERYONE: Final = frozenset(
    {
        *("system:public-info-viewer", "system:discovery", "system:basic-user"),
        *("system:service-account-issuer-discovery",),
    }
)
"""Roles that Kubernetes itself gives to everyone."""

_VERBS: Final = frozenset({"escalate", "bind", "impersonate"})
_READ: Final = frozenset({"get", "list", "watch"})
_CREATED: Final = frozenset(
    {
        *("pods/exec", "pods/attach", "pods/ephemeralcontainers", "serviceaccounts/token"),
        *("nodes/proxy", "certificatesigningrequests/approval"),
    }
)


def _rule(name: str, severity: Severity, reference: str, refuses: str, fix: str) -> Rule:
    return Rule(id=f"k8s-{name}", severity=severity, reference=reference, refuses=refuses, fix=fix)


EVERYONE: Final = _rule(
    "rbac-001",
    Severity.CRITICAL,
    "CIS Kubernetes Benchmark 5.1.1",
    "a role for everyone: without a login, with any login, or for every service account",
    "name the users, groups or service accounts",
)
ADMINISTRATOR: Final = _rule(
    "rbac-002",
    Severity.HIGH,
    "CIS Kubernetes Benchmark 5.1.1",
    "cluster-admin for a service account or a user",
    "write a role with the verbs and resources that are used",
)
EVERYTHING: Final = _rule(
    "rbac-003",
    Severity.HIGH,
    "CIS Kubernetes Benchmark 5.1.3",
    "a role that allows every verb on every resource",
    "list the verbs and resources that are used",
)
WILDCARD: Final = _rule(
    "rbac-004",
    Severity.MEDIUM,
    "CIS Kubernetes Benchmark 5.1.3",
    "a role with a wildcard of verbs, resources or API groups",
    "list the verbs, resources and API groups that are used",
)
ESCALATING: Final = _rule(
    "rbac-005",
    Severity.HIGH,
    _PRACTICES,
    "a permission that leads to others: to act as users, to read every Secret, to exec into pods",
    "leave it out, or name the objects in resourceNames",
)
DEFAULT_ACCOUNT: Final = _rule(
    "rbac-006",
    Severity.HIGH,
    "CIS Kubernetes Benchmark 5.1.5",
    "a role for a namespace's default service account, which pods have that name no other",
    "create a service account for the pods that need the role",
)
MOUNTED: Final = _rule(
    "account-001",
    Severity.MEDIUM,
    "CIS Kubernetes Benchmark 5.1.6",
    "a pod that gets a token of the default service account",
    "set automountServiceAccountToken to false",
)
NEVER_EXPIRES: Final = _rule(
    "account-002",
    Severity.MEDIUM,
    "https://kubernetes.io/docs/concepts/security/service-accounts/#authenticating-credentials",
    "a token of a service account that never expires",
    "ask for tokens by TokenRequest, which expire",
)


def rights_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds roles for everyone, roles that allow everything, and tokens that nothing needs."""
    quiet = set(_without_tokens(graph))
    for resource in graph.resources:
        if not resource.type.startswith("kubernetes:"):
            continue
        match resource.inputs.get("kind"):
            case "ClusterRoleBinding" | "RoleBinding":
                yield from _binding(resource)
            case "ClusterRole" | "Role":
                yield from _role(resource)
            case "Secret" if resource.inputs.get("type") == "kubernetes.io/service-account-token":
                so = "whoever copies it once has the account's rights for ever"
                what = "is kubernetes.io/service-account-token"
                yield at(resource, "type", what, so, NEVER_EXPIRES.fix, NEVER_EXPIRES.id)
            case kind if str(kind) in WORKLOADS:
                yield from _mounted(resource, quiet)
            case _:
                pass


def _binding(binding: Resource) -> Iterator[Hit]:
    role = str(dig(binding.inputs, "roleRef", "name"))
    for number, subject in enumerate(entries(binding.inputs, "subjects")):
        name = str(branch(subject).get("name"))
        path = f"subjects[{number}].name"
        if name in _EVERYONE and role not in _FOR_EVERYONE:
            so = f"everyone who reaches the API server would have the rights of {role}"
            yield at(binding, path, f"is {name}", so, EVERYONE.fix, EVERYONE.id)
        if branch(subject).get("kind") == "ServiceAccount" and name == "default":
            so = f"every pod that names no account would have the rights of {role}"
            yield at(binding, path, "is default", so, DEFAULT_ACCOUNT.fix, DEFAULT_ACCOUNT.id)
    if role == "cluster-admin" and binding.inputs.get("kind") == "ClusterRoleBinding":
        so = "an attacker who takes over the account could do everything in the cluster"
        yield at(binding, "roleRef.name", f"is {role}", so, ADMINISTRATOR.fix, ADMINISTRATOR.id)


def _role(role: Resource) -> Iterator[Hit]:
    cluster = role.inputs.get("kind") == "ClusterRole"
    for number, rule in enumerate(entries(role.inputs, "rules")):
        path = f"rules[{number}]"
        said = {key: _texts(rule, key) for key in ("verbs", "resources", "apiGroups")}
        if "*" in said["verbs"] and "*" in said["resources"]:
            what = "allows every verb on every resource"
            so = "who has the role could do everything"
            yield at(role, path, what, so, EVERYTHING.fix, EVERYTHING.id)
            continue
        for key, given in said.items():
            if "*" in given or any(one.endswith("/*") for one in given):
                so = "it also allows verbs and resources that later versions of the cluster add"
                yield at(role, f"{path}.{key}", "has a wildcard", so, WILDCARD.fix, WILDCARD.id)
        yield from _escalating(role, path, branch(rule), said, cluster=cluster)


def _escalating(
    role: Resource,
    path: str,
    rule: Mapping[str, Any],
    said: Mapping[str, frozenset[str]],
    *,
    cluster: bool,
) -> Iterator[Hit]:
    so = "who has it can get every right of those whom it reaches"
    named = bool(rule.get("resourceNames"))
    for verb in sorted(said["verbs"] & _VERBS):
        if not named:
            what = f"has {verb}, for every object"
            yield at(role, f"{path}.verbs", what, so, ESCALATING.fix, ESCALATING.id)
    writes = {"create", "update", "patch", "*"} & said["verbs"]
    entered = sorted(said["resources"] & _CREATED) if writes or "get" in said["verbs"] else []
    reads = "secrets" in said["resources"] and (_READ | {"*"}) & said["verbs"] and cluster
    does = [f"has {one}" for one in entered] + (["reads every Secret"] if reads else [])
    if does and not named:
        yield at(role, f"{path}.resources", ", ".join(does), so, ESCALATING.fix, ESCALATING.id)


def _texts(rule: Any, key: str) -> frozenset[str]:
    return frozenset(str(one) for one in entries(rule, key))


def _without_tokens(graph: ResourceGraph) -> Iterator[tuple[str | None, str, str]]:
    """Service accounts that mount no token: provider, namespace and name."""
    for one in graph.resources:
        given = one.inputs
        if given.get("kind") == "ServiceAccount" and (
            given.get("automountServiceAccountToken") is False
        ):
            metadata = branch(given, "metadata")
            yield one.provider, str(metadata.get("namespace")), str(metadata.get("name"))


def _mounted(workload: Resource, quiet: set[tuple[str | None, str, str]]) -> Iterator[Hit]:
    namespace = str(dig(workload.inputs, "metadata", "namespace"))
    for pod in pod_specs(workload):
        if pod.is_part:
            continue
        account = pod.spec.get("serviceAccountName") or pod.spec.get("serviceAccount") or "default"
        said = pod.spec.get("automountServiceAccountToken")
        silent = (workload.provider, namespace, str(account)) in quiet
        if account == "default" and (said is True or (said is None and not silent)):
            what = "is not false, for the default service account"
            so = "an attacker who takes over the pod could call the API server"
            path = f"{pod.path}.automountServiceAccountToken"
            yield at(workload, path, what, so, MOUNTED.fix, MOUNTED.id)


CHECK: Final = Check(
    rules=(
        *(EVERYONE, ADMINISTRATOR, EVERYTHING, WILDCARD, ESCALATING, DEFAULT_ACCOUNT),
        *(MOUNTED, NEVER_EXPIRES),
    ),
    types=(
        *(
            f"kubernetes:rbac.authorization.k8s.io/v1:{kind}"
            for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
        ),
        *("kubernetes:core/v1:Secret", "kubernetes:core/v1:ServiceAccount"),
    ),
    find=rights_are_bounded,
)
