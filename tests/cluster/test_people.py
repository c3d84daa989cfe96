"""What the roles of people allow, asked of a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from delivery.render import render
from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.cluster.test_manifests import APPLY
from tests.harness.apiserver import ApiServer
from tests.harness.topologies import recorded

NAMESPACE = "qudag-mcp-people"
GROUPS = {"developers": "oidc:dev", "operators": "oidc:ops", "admins": "oidc:adm"}
ALLOWED = {
    "developers": [
        ("get", "pods"),
        ("list", "deployments.apps"),
        ("get", "pods/log"),
        ("watch", "events"),
        ("list", "networkpolicies.networking.k8s.io"),
        ("get", "roles.rbac.authorization.k8s.io"),
    ],
    "operators": [
        ("list", "pods"),
        ("delete", "pods"),
        ("create", "pods/eviction"),
        ("patch", "deployments.apps/scale", "mcp-core"),
        ("update", "deployments.apps/scale", "mcp-gateway"),
        ("update", "statefulsets.apps/scale", "qudag-integration"),
    ],
    "admins": [
        ("patch", "deployments.apps", "mcp-core"),
        ("create", "configmaps"),
        ("delete", "networkpolicies.networking.k8s.io"),
        ("create", "secrets"),
        ("get", "secrets", "mcp-server-secrets"),
        ("patch", "deployments.apps/scale", "mcp-core"),
    ],
}
REFUSED = {
    "developers": [
        ("get", "secrets", "mcp-server-secrets"),
        ("list", "secrets"),
        ("delete", "pods"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("create", "pods/eviction"),
        ("create", "pods/portforward"),
        ("patch", "deployments.apps/scale", "mcp-core"),
        ("patch", "configmaps", "mcp-core-config"),
        ("create", "serviceaccounts/token", "mcp-core"),
    ],
    "operators": [
        ("patch", "deployments.apps", "mcp-core"),
        ("patch", "deployments.apps/scale", "another"),
        ("patch", "statefulsets.apps/scale", "postgres"),
        ("get", "secrets", "mcp-server-secrets"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("create", "pods/attach"),
        ("delete", "persistentvolumeclaims"),
        ("patch", "networkpolicies.networking.k8s.io", "default-deny"),
        ("deletecollection", "pods"),
        ("create", "jobs.batch"),
    ],
    "admins": [
        ("get", "secrets", "another"),
        ("list", "secrets"),
        ("create", "pods/exec"),
        ("create", "pods/portforward"),
        ("create", "roles.rbac.authorization.k8s.io"),
        ("patch", "rolebindings.rbac.authorization.k8s.io", "qudag-mcp-admin"),
        ("escalate", "roles.rbac.authorization.k8s.io"),
        ("impersonate", "serviceaccounts"),
        ("create", "serviceaccounts/token", "mcp-core"),
        ("patch", "resourcequotas", "platform-quota"),
        ("delete", "namespaces", NAMESPACE),
    ],
}
"""Verb, resource and name."""


@pytest.fixture(scope="module")
def graph() -> ResourceGraph:
    people = {role: [group] for role, group in GROUPS.items()}
    return recorded(
        TOPOLOGIES["microservices"], {"kubernetes": {"namespace": NAMESPACE, "people": people}}
    )


@pytest.fixture(scope="module")
def deployed(
    graph: ResourceGraph, api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("people")
    render(graph, folder)
    applied = api_server.kubectl(*APPLY, "-f", str(folder / "manifests"))
    assert applied.returncode == 0, applied.stderr
    yield api_server
    api_server.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def answers(
    server: ApiServer, asked: list[tuple[str, tuple[str, ...]]], namespace: str
) -> list[bool]:
    """What SubjectAccessReviews say for groups and what they would do."""

    def ask(of: tuple[str, tuple[str, ...]]) -> bool:
        group, (verb, resource, *name) = of
        kind, _, below = resource.partition("/")
        kind, _, api_group = kind.partition(".")
        attributes = {
            "namespace": namespace,
            "verb": verb,
            "group": api_group,
            "resource": kind,
            "subresource": below,
            "name": name[0] if name else "",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": "somebody", "groups": [group], "resourceAttributes": attributes},
        }
        said = server.kubectl(
            "create", "--raw", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "-f", "-",
            stdin=json.dumps(review),
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)["status"]["allowed"]

    with ThreadPoolExecutor(4) as asking:
        return list(asking.map(ask, asked))


def of_groups(table: dict[str, list[tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    return [(GROUPS[role], each) for role, rows in table.items() for each in rows]


def test_each_role_may_do_its_work(deployed: ApiServer):
    asked = of_groups(ALLOWED)  # type: ignore[arg-type]
    told = answers(deployed, asked, NAMESPACE)
    assert [each for each, allowed in zip(asked, told, strict=True) if not allowed] == []


def test_no_role_may_do_more(deployed: ApiServer):
    asked = of_groups(REFUSED)  # type: ignore[arg-type]
    assert len(asked) >= 30
    told = answers(deployed, asked, NAMESPACE)
    assert [each for each, allowed in zip(asked, told, strict=True) if allowed] == []


def test_no_role_holds_in_another_namespace(deployed: ApiServer):
    asked = of_groups(ALLOWED)  # type: ignore[arg-type]
    assert not any(answers(deployed, asked, "default"))


def test_strangers_may_do_nothing(deployed: ApiServer):
    asked = [("oidc:stranger", each) for _, each in of_groups(ALLOWED)]  # type: ignore[arg-type]
    assert not any(answers(deployed, asked, NAMESPACE))


def test_what_is_deployed_is_applied_again_without_a_change(
    deployed: ApiServer, graph: ResourceGraph, tmp_path: Path
):
    render(graph, tmp_path)
    difference = deployed.kubectl(
        *("diff", "--server-side", "--field-manager=test-manifests"),
        *("-f", str(tmp_path / "manifests")),
    )
    assert difference.returncode == 0, difference.stdout + difference.stderr
