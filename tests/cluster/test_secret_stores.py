"""The API server with the CRDs of External Secrets admits the objects of each store, strictly.

No controller runs: this shows that the objects have the form of the CRDs, not that a store is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.kubernetes.external_secrets import (
    SecretSource,
    SecretSync,
    SecretSyncArgs,
    SyncedSecret,
)
from components.kubernetes.human_roles import HumanRoles, HumanRolesArgs
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.secret_stores import (
    AwsStore,
    AzureStore,
    GcpStore,
    SecretStore,
    VaultStore,
)
from graph.manifests import manifests
from tests.harness import record
from tests.harness.apiserver import ApiServer
from tests.harness.authority_certificate import CERTIFICATE

ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
ROLE = "arn:aws:iam::123456789012:role/reader"
READER = "reader@qudag-prod.iam.gserviceaccount.com"
STORES: dict[str, tuple[str, SecretStore]] = {
    "vault": (
        "vault",
        VaultStore(
            address="https://openbao.example.com:8200",
            role="qudag-mcp",
            prefix="qudag/prod",
            ca=CERTIFICATE,
            namespace="team",
        ),
    ),
    "aws-irsa": ("aws", AwsStore(region="eu-central-1", prefix="qudag/prod", role=ROLE)),
    "aws-pod-identity": (
        "aws",
        AwsStore(region="eu-central-1", prefix="q", identity="pod-identity", role=ROLE),
    ),
    "aws-controller": (
        "aws",
        AwsStore(region="eu-central-1", prefix="q", identity="pod-identity"),
    ),
    "gcp": ("gcp", GcpStore(project="qudag-prod", service_account=READER, prefix="q")),
    "azure": (
        "azure",
        AzureStore(
            vault_url="https://qudag.vault.azure.net", client_id=ID, tenant_id=ID, prefix="q"
        ),
    ),
}
SECRETS = [
    SyncedSecret(name="llm-credentials", keys=["api-key", "org"]),
    SyncedSecret(name="registry-login", keys=[".dockerconfigjson"]),
    SyncedSecret(
        name="mcp-server-secrets",
        keys=["database-password"],
        further_keys=["redis-password"],
        source=SecretSource.GENERATED,
    ),
    SyncedSecret(name="mcp-tls", keys=["tls.crt", "tls.key"], source=SecretSource.CLUSTER),
]
APPLY = ("apply", "--server-side", "--validate=strict", "--field-manager=test-stores", "-f", "-")
GROUP = "external-secrets.io"
KINDS = (
    *(f"{kind}.{GROUP}" for kind in ("secretstores", "externalsecrets", "pushsecrets")),
    f"passwords.generators.{GROUP}",
)


def objects(space: str, field: str, store: SecretStore) -> list[dict[str, Any]]:
    def program() -> None:
        LockedNamespace(space, LockedNamespaceArgs(name=space))
        stores: dict[str, Any] = {field: store}
        SecretSync("secrets", SecretSyncArgs(namespace=space, secrets=SECRETS, **stores))
        HumanRoles("people", HumanRolesArgs(namespace=space, developers=["team"]))

    return list(manifests(record(program)).values())


def versions(server: ApiServer, space: str) -> dict[str, str]:
    listed = server.kubectl("get", ",".join(KINDS), "-n", space, "-o=json")
    assert listed.returncode == 0, listed.stderr
    return {
        f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
        for one in json.loads(listed.stdout)["items"]
    }


@pytest.fixture(params=STORES)
def space(request: pytest.FixtureRequest, api_server_with_crds: ApiServer) -> Iterator[str]:
    name = f"store-{request.param}"
    field, store = STORES[request.param]
    written = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects(name, field, store)})
    made: list[dict[str, str]] = []
    for _ in range(2):
        applied = api_server_with_crds.kubectl(*APPLY, stdin=written)
        assert applied.returncode == 0, applied.stderr
        made.append(versions(api_server_with_crds, name))
    assert made[0] == made[1], "a second deployment changes nothing"
    yield name
    api_server_with_crds.kubectl("delete", "namespace", name, "--wait=false")


def test_every_object_is_admitted_and_a_second_apply_changes_none(
    api_server_with_crds: ApiServer, space: str
):
    made = {name.partition("/")[0] for name in versions(api_server_with_crds, space)}
    assert made == {"SecretStore", "ExternalSecret", "PushSecret", "Password"}


@pytest.mark.parametrize("space", ["aws-irsa"], indirect=True)
def test_developers_see_the_state_of_the_objects_and_no_secret(
    api_server_with_crds: ApiServer, space: str
):
    as_developer = ("--as=ada", "--as-group=team", f"-n={space}")
    for kind in KINDS[:3]:
        for verb, answer in (("get", "yes"), ("list", "yes"), ("patch", "no"), ("delete", "no")):
            asked = api_server_with_crds.kubectl("auth", "can-i", verb, kind, *as_developer)
            assert asked.stdout.strip() == answer, (verb, kind)
    asked = api_server_with_crds.kubectl("auth", "can-i", "get", "secrets", *as_developer)
    assert asked.stdout.strip() == "no"
