"""Risk: rights that someone has only after a change."""

from typing import Any

import pytest

from graph.resource_graph import Resource
from review.risks.classes import RiskClass
from tests.harness.graphs import cloud, findings, kube


def loosened(before: Resource | None, after: Resource | None) -> list[str]:
    return findings(RiskClass.LOOSENS, before, after)


def role(*rules: dict[str, Any]) -> Resource:
    return kube("rbac/v1:Role", "reader", rules=list(rules))


def rule(verbs: str, resources: str, names: str = "", groups: str = "") -> dict[str, Any]:
    stated = {"apiGroups": groups.split(",") if groups else [""], "resources": resources.split(),
              "verbs": verbs.split()}  # fmt: skip
    return stated | ({"resourceNames": names.split()} if names else {})


def binding(*subjects: str, to: str = "reader") -> Resource:
    people = [{"kind": "Group", "name": name} for name in subjects]
    return kube(
        "rbac/v1:RoleBinding", "readers", subjects=people, roleRef={"kind": "Role", "name": to}
    )


BASE = rule("get list", "configmaps")
MORE = {
    "a verb": rule("get list delete", "configmaps"),
    "a resource": rule("get list", "configmaps secrets"),
    "every verb": rule("*", "configmaps"),
    "every resource": rule("get", "*"),
    "another group": rule("get", "deployments", groups="apps"),
}


@pytest.mark.parametrize("wider", MORE.values(), ids=MORE)
def test_a_role_that_permits_more_is_named(wider: Any):
    assert loosened(role(BASE), role(BASE, wider)) != []


def test_each_new_right_of_a_role_is_named():
    assert loosened(role(BASE), role(rule("get list", "configmaps secrets"))) == [
        "Role core/reader now permits get on secrets",
        "Role core/reader now permits list on secrets",
    ]


def test_losing_the_limit_to_named_objects_is_named():
    named = role(rule("get", "configmaps", names="settings"))
    assert loosened(named, role(rule("get", "configmaps"))) == [
        "Role core/reader now permits get on configmaps"
    ]
    assert loosened(role(rule("get", "configmaps")), named) == []


def test_a_role_that_permits_less_or_the_same_is_no_risk():
    assert loosened(role(rule("*", "*")), role(BASE)) == []
    assert loosened(role(BASE), role(rule("get", "configmaps"), rule("list", "configmaps"))) == []


def test_a_new_role_is_no_risk_until_it_is_bound():
    assert loosened(None, role(BASE)) == []
    assert loosened(None, binding("developers")) == [
        "RoleBinding core/readers gives Group developers the Role reader"
    ]


def test_another_subject_or_another_role_is_named():
    assert len(loosened(binding("developers"), binding("developers", "everyone"))) == 1
    assert len(loosened(binding("developers"), binding("developers", to="admin"))) == 1


def test_fewer_subjects_are_no_risk():
    assert loosened(binding("developers", "everyone"), binding("developers")) == []


def test_a_service_account_that_mounts_its_token_again_is_named():
    closed = kube("core/v1:ServiceAccount", "core", automountServiceAccountToken=False)
    opened = kube("core/v1:ServiceAccount", "core")
    assert loosened(closed, opened) == [
        "pods of ServiceAccount core/core get its API token mounted again"
    ]
    assert loosened(opened, closed) == []


def test_a_cloud_grant_is_named():
    member = cloud("gcp:projects/iAMMember:IAMMember", "reader", role="roles/viewer")
    assert loosened(None, member) == ["IAMMember reader grants of roles/viewer"]
    assert loosened(member, None) == []
