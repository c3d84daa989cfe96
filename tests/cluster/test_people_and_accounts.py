"""What each role of people and each service account may do, asked of a real API server.

For every topology and every shipped stack. The tables here are written apart from the code that
makes the roles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import pytest
import yaml

from graph.manifests import manifests
from graph.resource_graph import ResourceGraph
from graph.stack_yaml import read_stack_file
from stacks.topologies import TOPOLOGIES
from tests.harness.access_reviews import AccessReviews, Subject, access_reviews
from tests.harness.apiserver import ApiServer
from tests.harness.containers import ROOT
from tests.harness.graph_queries import STACKS, objects
from tests.harness.server import until
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded

GROUPS: Final = {
    "developers": "oidc:developers",
    "operators": "oidc:on-call",
    "admins": "oidc:platform",
}
SUBJECTS: Final = ("Namespace", "ServiceAccount")
RBAC: Final = "rbac.authorization.k8s.io"

EVERYBODY: Final = {
    "create selfsubjectaccessreviews.authorization.k8s.io",
    "create selfsubjectrulesreviews.authorization.k8s.io",
    "create selfsubjectreviews.authentication.k8s.io",
    *(f"get {path}" for path in ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*")),
    *(f"get {path}" for path in ("/healthz", "/livez", "/readyz", "/version", "/version/")),
}
"""What Kubernetes lets everyone do who is authenticated: see which APIs there are, and ask about
oneself."""
ACCOUNT: Final = EVERYBODY | {
    *("get /.well-known/openid-configuration", "get /.well-known/openid-configuration/"),
    *("get /openid/v1/jwks", "get /openid/v1/jwks/"),
}
"""What a service account may do: in addition, read the public keys of service accounts' tokens."""
READ_BY_PEOPLE: Final = (
    *("configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims", "pods"),
    *("resourcequotas", "serviceaccounts", "services"),
    *("deployments.apps", "replicasets.apps", "statefulsets.apps"),
    *("horizontalpodautoscalers.autoscaling", "verticalpodautoscalers.autoscaling.k8s.io"),
    *("cronjobs.batch", "jobs.batch", "endpointslices.discovery.k8s.io", "events.events.k8s.io"),
    *("scaledobjects.keda.sh", "triggerauthentications.keda.sh"),
    *("externalsecrets.external-secrets.io", "pushsecrets.external-secrets.io"),
    "secretstores.external-secrets.io",
    *("networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy"),
    *(f"roles.{RBAC}", f"rolebindings.{RBAC}"),
)
CHANGED_BY_ADMINS: Final = (
    *("configmaps", "persistentvolumeclaims", "serviceaccounts", "services"),
    *("deployments.apps", "statefulsets.apps", "cronjobs.batch", "jobs.batch"),
    *("horizontalpodautoscalers.autoscaling", "verticalpodautoscalers.autoscaling.k8s.io"),
    *("scaledobjects.keda.sh", "triggerauthentications.keda.sh"),
    *("networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy"),
)
STORES: Final = {"postgres", "redis"}
"""Nobody scales a data store: a second pod would have data of its own."""
COLLECTORS: Final = {"log-forwarder", "trace-collector"}
"""Nobody scales them: each of two trace collectors would have a part of each trace."""

NOBODY_HERE: Final = (
    *("create pods", "create pods/exec", "create pods/attach", "create pods/portforward"),
    *("get pods/proxy", "patch pods/ephemeralcontainers", "deletecollection pods"),
    *("list secrets", "watch secrets", "get secrets somebody-elses"),
    *("create serviceaccounts/token default", "impersonate serviceaccounts default"),
    *(f"create roles.{RBAC}", f"bind roles.{RBAC}", f"escalate roles.{RBAC}"),
    *(f"create rolebindings.{RBAC}", f"patch rolebindings.{RBAC} qudag-mcp-admin"),
    *("patch resourcequotas mcp-resource-quota", "delete limitranges mcp-limit-range"),
    *("get services/proxy", "create endpoints", "create daemonsets.apps", "create events"),
    *("create ingresses.networking.k8s.io",),
)
"""In the platform's own namespaces."""
NOBODY_IN_THE_CLUSTER: Final = (
    *("list secrets", "list pods", "list namespaces", "create namespaces"),
    *("list nodes", "get nodes/proxy", "patch nodes", "list persistentvolumes"),
    *("impersonate users", "impersonate groups system:masters"),
    *("create tokenreviews.authentication.k8s.io",),
    *("create subjectaccessreviews.authorization.k8s.io",),
    *(f"escalate clusterroles.{RBAC}", f"bind clusterroles.{RBAC} cluster-admin"),
    *(f"create clusterrolebindings.{RBAC}",),
    *("update certificatesigningrequests.certificates.k8s.io/approval",),
    *("create mutatingwebhookconfigurations.admissionregistration.k8s.io",),
    *("create customresourcedefinitions.apiextensions.k8s.io", "get /metrics", "get /logs"),
)
NOBODY_ELSEWHERE: Final = (
    *("list secrets", "list pods", "create pods/exec", "patch configmaps coredns"),
    *("patch deployments.apps coredns", "create serviceaccounts/token default"),
)
"""In the namespace kube-system."""
NO_ACCOUNT: Final = (
    *("get secrets mcp-server-secrets", "create secrets", "list pods", "get pods/log"),
    *("delete pods", "create pods/eviction", "list configmaps", "create configmaps"),
    *("list services", "create jobs.batch", "delete persistentvolumeclaims"),
    *("patch networkpolicies.networking.k8s.io default-deny", "patch statefulsets.apps postgres"),
    *("patch deployments.apps {own}", "get deployments.apps {own}"),
    *("patch deployments.apps/scale {own}", "get configmaps {own}-config"),
    *("get secrets mcp-internal-tls-{own}", "create serviceaccounts/token {own}-sa"),
)
"""In its namespace, besides ``NOBODY_HERE``; {own}: its own workload."""


def sections(name: str) -> dict[str, Any]:
    """A topology with everything around it, or a shipped stack, with groups of people."""
    if name in TOPOLOGIES:
        own = {"weather": {"image": "ghcr.io/acme/weather:1.0.0"}} if name == "none" else {}
        given: dict[str, Any] = {"topology": name, "network": NETWORK, "servers": own}
    else:
        stated = read_stack_file(ROOT / f"Pulumi.{name}.yaml")
        given = {key.removeprefix("qudag-mcp:"): value for key, value in stated.items()}
    people = {role: [group] for role, group in GROUPS.items()}
    # Names of its own: other tests apply and delete those of the stacks.
    kubernetes = {"namespace": f"qudag-mcp-access-{name}", "people": people}
    return given | {"kubernetes": {**given.get("kubernetes", {}), **kubernetes}}


@dataclass(frozen=True)
class Applied:
    """A platform whose namespaces, service accounts, roles and bindings are in the API server."""

    graph: ResourceGraph
    reviews: AccessReviews

    @property
    def namespaces(self) -> list[str]:
        return self.graph.outputs.get("namespaces") or [self.graph.outputs["namespace"]]

    @property
    def accounts(self) -> set[tuple[str, str]]:
        """Namespace and name of each service account, with those that Kubernetes makes."""
        made = (one["metadata"] for one in objects(self.graph, "ServiceAccount"))
        return {
            *((one["namespace"], one["name"]) for one in made),
            *((namespace, "default") for namespace in self.namespaces),
        }

    def names(self, kind: str, namespace: str) -> set[str]:
        found = (one["metadata"] for one in objects(self.graph, kind))
        return {one["name"] for one in found if one["namespace"] == namespace}

    def secrets(self, namespace: str) -> set[str]:
        """The Secrets that the platform needs there."""
        required = self.graph.outputs["required_secrets"]
        return {one["name"] for one in required if one["namespace"] == namespace}


@pytest.fixture(scope="module")
def reviews(api_server: ApiServer) -> Iterator[AccessReviews]:
    with access_reviews(api_server) as asked:
        yield asked


@pytest.fixture(scope="module", params=[*TOPOLOGIES, *STACKS])
def applied(
    request: pytest.FixtureRequest, api_server: ApiServer, reviews: AccessReviews
) -> Iterator[Applied]:
    stack = request.param if request.param in STACKS else "dev"
    made = Applied(recorded(sections(request.param), stack=stack), reviews)
    every = manifests(made.graph)
    wanted = [
        every[name]
        for name in sorted(every)
        if every[name]["kind"] in SUBJECTS or every[name]["apiVersion"].startswith(RBAC)
    ]
    done = api_server.apply(yaml.safe_dump_all(wanted))
    assert done.returncode == 0, done.stderr
    # The API server's authorizer learns of roles and bindings a moment after they are written.
    for group, namespace in product(GROUPS.values(), made.namespaces):
        member = Subject.member(group)
        until(lambda m=member, n=namespace: "get pods/log" in reviews.every_permission(m, n))
    yield made
    api_server.kubectl("delete", "namespace", *made.namespaces, "--wait=false")


def permissions(applied: Applied, role: str, namespace: str) -> set[str]:
    """Everything that a role may do in a namespace of its platform."""
    may = EVERYBODY | {
        *(f"{verb} {what}" for what in READ_BY_PEOPLE for verb in ("get", "list", "watch")),
        "get pods/log",
    }
    if role == "developers":
        return may
    stateful = applied.names("StatefulSet", namespace) - STORES
    servers = applied.names("Deployment", namespace) - COLLECTORS
    scaled = [f"deployments.apps/scale {one}" for one in servers]
    scaled += [f"statefulsets.apps/scale {one}" for one in stateful]
    may |= {"delete pods", "create pods/eviction"}
    may |= {f"{verb} {what}" for what in scaled for verb in ("get", "patch", "update")}
    if role == "operators":
        return may
    changes = ("create", "patch", "update", "delete")
    may |= {f"{verb} {what}" for what in CHANGED_BY_ADMINS for verb in changes}
    named = applied.secrets(namespace)
    may |= {f"{v} secrets {one}" for one in named for v in ("get", "patch", "update", "delete")}
    return may | ({"create secrets"} if named else set())


def forbidden(
    applied: Applied, subject: Subject, namespaces: Sequence[str]
) -> list[tuple[str, str]]:
    """The forbidden actions that the subject may do, with their namespaces."""
    asked = [
        *((each, [*NOBODY_HERE, f"delete namespaces {each}"]) for each in namespaces),
        ("", NOBODY_IN_THE_CLUSTER),
        ("kube-system", NOBODY_ELSEWHERE),
    ]
    return [
        (namespace, action)
        for namespace, actions in asked
        for action in applied.reviews.allowed(subject, actions, namespace)
    ]


def test_the_tables_list_more_than_thirty_forbidden_permissions():
    nobody = [*NOBODY_HERE, *(f"cluster: {one}" for one in NOBODY_IN_THE_CLUSTER)]
    assert len(set(nobody)) == len(nobody) >= 40
    assert len({*nobody, *NO_ACCOUNT}) >= 60


def test_every_service_account_may_do_exactly_what_the_table_says(applied: Applied):
    assert len(applied.accounts) > len(applied.namespaces)
    for namespace, name in applied.accounts:
        subject = Subject.service_account(namespace, name)
        for place in (*applied.namespaces, "default"):
            assert applied.reviews.every_permission(subject, place) == ACCOUNT, (name, place)


def test_no_service_account_may_do_one_of_the_named_things(applied: Applied):
    for namespace, name in applied.accounts:
        subject = Subject.service_account(namespace, name)
        own = [each.format(own=name.removesuffix("-sa")) for each in NO_ACCOUNT]
        assert applied.reviews.allowed(subject, own, namespace) == [], name
        assert forbidden(applied, subject, [namespace]) == [], name


def test_no_pod_gets_a_token_of_its_service_account(applied: Applied):
    """With a token, a process in the pod would have the permissions of the account."""
    for account in objects(applied.graph, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False, account["metadata"]


@pytest.mark.parametrize("role", GROUPS)
def test_each_role_may_do_exactly_what_the_table_says(applied: Applied, role: str):
    subject = Subject.member(GROUPS[role])
    for namespace in applied.namespaces:
        found = applied.reviews.every_permission(subject, namespace)
        assert found == permissions(applied, role, namespace), namespace
    assert applied.reviews.every_permission(subject, "default") == EVERYBODY


@pytest.mark.parametrize("role", GROUPS)
def test_no_role_may_do_one_of_the_named_things(applied: Applied, role: str):
    assert forbidden(applied, Subject.member(GROUPS[role]), applied.namespaces) == []


def test_a_binding_that_is_added_is_noticed(applied: Applied, api_server: ApiServer):
    """Shows that the tests above can fail."""
    namespace, name = min(applied.accounts)
    subject = Subject.service_account(namespace, name)
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "added-by-this-test", "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
    }
    assert api_server.create(json.dumps(binding)).returncode == 0
    try:
        until(lambda: "list secrets" in applied.reviews.every_permission(subject, namespace))
        assert (namespace, "create pods/exec") in forbidden(applied, subject, [namespace])
    finally:
        api_server.kubectl("delete", "rolebinding", "added-by-this-test", "-n", namespace)
