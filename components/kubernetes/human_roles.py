"""RBAC Roles for groups of people in a namespace: developers, operators, administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from ..base.arg_types import DnsLabel, GroupName, SecretName
from ..base.component import Component
from ..base.kubernetes_object import KubernetesObject, metadata

API_GROUP: Final = "rbac.authorization.k8s.io"
READ: Final = ("get", "list", "watch")
WRITE: Final = ("create", "patch", "update", "delete")
SHOWN: Final[Mapping[str, Sequence[str]]] = {
    "": (
        *("configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims"),
        *("pods", "resourcequotas", "serviceaccounts", "services"),
    ),
    "apps": ("deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "autoscaling.k8s.io": ("verticalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "discovery.k8s.io": ("endpointslices",),
    "events.k8s.io": ("events",),
    "external-secrets.io": ("externalsecrets", "pushsecrets", "secretstores"),
    "keda.sh": ("scaledobjects", "triggerauthentications"),
    "networking.k8s.io": ("networkpolicies",),
    "policy": ("poddisruptionbudgets",),
    API_GROUP: ("rolebindings", "roles"),
}
"""Resources that developers may read, by API group: all but Secrets."""
DEPLOYED: Final[Mapping[str, Sequence[str]]] = {
    "": ("configmaps", "persistentvolumeclaims", "serviceaccounts", "services"),
    "apps": ("deployments", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "autoscaling.k8s.io": ("verticalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "keda.sh": ("scaledobjects", "triggerauthentications"),
    "networking.k8s.io": ("networkpolicies",),
    "policy": ("poddisruptionbudgets",),
}
"""Resources that administrators may change, by API group."""


@dataclass(frozen=True, kw_only=True)
class HumanRolesArgs:
    """Args of ``HumanRoles``. A role without groups is not created.

    Attributes:
        namespace: of the platform.
        developers: groups that may read everything except Secrets, and read logs.
        operators: groups that may also scale the named workloads and evict or delete pods.
        admins: groups that may also change the platform's objects, and the named Secrets.
        deployments: names of the Deployments that operators may scale.
        stateful_sets: names of the StatefulSets that operators may scale.
        secrets: names of the Secrets that administrators may read and change.
    """

    namespace: pulumi.Input[DnsLabel]
    developers: Sequence[GroupName] = ()
    operators: Sequence[GroupName] = ()
    admins: Sequence[GroupName] = ()
    deployments: Sequence[DnsLabel] = ()
    stateful_sets: Sequence[DnsLabel] = ()
    secrets: Sequence[SecretName] = ()


class HumanRoles(Component[HumanRolesArgs]):
    """RBAC Roles and RoleBindings for groups of developers, operators and administrators.

    No role may run commands in containers, change roles, or read Secrets that are not named.
    Operators cannot change a pod's specification. Administrators can, and so can mount any Secret
    of the namespace.
    """

    args_type = HumanRolesArgs

    def build(self, args: HumanRolesArgs) -> None:
        developer = _developer_rules()
        operator = [*developer, *_operator_rules(args)]
        admin = [*operator, *_admin_rules(args)]
        for role, groups, rules in (
            ("developer", args.developers, developer),
            ("operator", args.operators, operator),
            ("admin", args.admins, admin),
        ):
            if groups:
                self._bind(role, args.namespace, groups, rules)

    def _bind(
        self,
        role: str,
        namespace: pulumi.Input[str],
        groups: Sequence[str],
        rules: Sequence[Mapping[str, Any]],
    ) -> None:
        name = f"qudag-mcp-{role}"
        made = KubernetesObject(
            "Role",
            self.named(role),
            metadata=metadata(name, namespace=namespace),
            rules=list(rules),
            opts=self.owned(),
        )
        KubernetesObject(
            "RoleBinding",
            self.named(f"{role}-groups"),
            metadata=metadata(name, namespace=namespace),
            roleRef={"apiGroup": API_GROUP, "kind": "Role", "name": made.physical_name},
            subjects=[
                {"apiGroup": API_GROUP, "kind": "Group", "name": group}
                for group in dict.fromkeys(groups)
            ],
            opts=self.owned(),
        )


def _developer_rules() -> list[dict[str, Any]]:
    shown = [_rule(group, resources, READ) for group, resources in SHOWN.items()]
    return [*shown, _rule("", ["pods/log"], ["get"])]


def _operator_rules(args: HumanRolesArgs) -> list[dict[str, Any]]:
    rules = [_rule("", ["pods"], ["delete"]), _rule("", ["pods/eviction"], ["create"])]
    for resource, names in (
        ("deployments", args.deployments),
        ("statefulsets", args.stateful_sets),
    ):
        if names:  # a rule without names applies to all of them
            scaled = _rule("apps", [f"{resource}/scale"], ["get", "patch", "update"])
            rules.append({**scaled, "resourceNames": list(names)})
    return rules


def _admin_rules(args: HumanRolesArgs) -> list[dict[str, Any]]:
    rules = [_rule(group, resources, WRITE) for group, resources in DEPLOYED.items()]
    if args.secrets:
        # RBAC cannot restrict `create` by resourceNames.
        rules.append(_rule("", ["secrets"], ["create"]))
        named = _rule("", ["secrets"], ["get", "patch", "update", "delete"])
        rules.append({**named, "resourceNames": list(args.secrets)})
    return rules


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
