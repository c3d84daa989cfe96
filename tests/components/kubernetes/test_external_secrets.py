"""Secrets from a store: what is read, created, copied, and with which identity."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.external_secrets import (
    SecretSource,
    SecretSync,
    SecretSyncArgs,
    SyncedSecret,
    duration,
)
from components.kubernetes.secret_stores import AwsStore, AzureStore, GcpStore, VaultStore
from tests.harness import record
from tests.harness.authority_certificate import CERTIFICATE

VAULT = VaultStore(address="https://openbao.example.com:8200", role="reader", prefix="team/mcp")
AWS = AwsStore(
    region="eu-central-1", prefix="team/mcp", role="arn:aws:iam::123456789012:role/reader"
)
GCP = GcpStore(
    project="qudag-prod",
    prefix="mcp",
    service_account="reader@qudag-prod.iam.gserviceaccount.com",
)
ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
AZURE = AzureStore(
    vault_url="https://qudag.vault.azure.net", prefix="mcp", client_id=ID, tenant_id=ID
)
STORES = {"vault": VAULT, "aws": AWS, "gcp": GCP, "azure": AZURE}
PASSWORDS = SyncedSecret(
    name="passwords", keys=["database-password", "redis-password"], source=SecretSource.GENERATED
)
TLS = SyncedSecret(name="tls", keys=["tls.crt", "tls.key"], source=SecretSource.CLUSTER)
PULL = SyncedSecret(name="pull", keys=[".dockerconfigjson"])


def made(*secrets: SyncedSecret, **fields: Any) -> dict[str, Mapping[str, Any]]:
    """The objects by kind and name."""
    args = SecretSyncArgs(namespace="mcp", secrets=secrets, **(fields or {"vault": VAULT}))
    return {
        f"{one.kind}/{one.metadata['name']}": {"metadata": one.metadata, **one.fields}
        for one in SecretSync.manifests("secrets", args)
    }


def remote(spec: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        one["secretKey"]: (one["remoteRef"]["key"], one["remoteRef"]["property"])
        for one in spec["data"]
    }


def test_a_secret_has_exactly_the_keys_that_pods_mount():
    spec = made(PASSWORDS)["ExternalSecret/passwords"]["spec"]
    assert remote(spec) == {
        "database-password": ("team/mcp/passwords", "database-password"),
        "redis-password": ("team/mcp/passwords", "redis-password"),
    }
    assert "dataFrom" not in spec
    assert spec["target"]["name"] == "passwords"


def test_a_secret_stays_when_its_external_secret_is_deleted():
    target = made(PASSWORDS)["ExternalSecret/passwords"]["spec"]["target"]
    assert (target["creationPolicy"], target["deletionPolicy"]) == ("Orphan", "Retain")


def test_a_pull_secret_has_the_type_that_the_kubelet_reads():
    spec = made(PULL)["ExternalSecret/pull"]["spec"]
    assert spec["target"]["template"] == {"type": "kubernetes.io/dockerconfigjson"}
    assert "template" not in made(PASSWORDS)["ExternalSecret/passwords"]["spec"]["target"]


def test_random_values_are_created_once_and_never_replace_those_of_the_store():
    objects = made(PASSWORDS)
    created = objects["ExternalSecret/passwords-generated"]["spec"]
    assert created["refreshPolicy"] == "CreatedOnce"
    assert [one["rewrite"][0]["regexp"]["target"] for one in created["dataFrom"]] == [
        "database-password",
        "redis-password",
    ]
    pushed = objects["PushSecret/passwords"]["spec"]
    assert pushed["selector"] == {"secret": {"name": "passwords-generated"}}
    assert (pushed["updatePolicy"], pushed["deletionPolicy"]) == ("IfNotExists", "None")
    assert objects["Password/qudag-mcp-password"]["spec"]["length"] >= 32


def test_keys_of_other_namespaces_are_created_and_not_mounted():
    secret = SyncedSecret(
        name="passwords",
        keys=["database-password"],
        source=SecretSource.GENERATED,
        further_keys=["redis-password", "database-password"],
    )
    objects = made(secret)
    assert list(remote(objects["ExternalSecret/passwords"]["spec"])) == ["database-password"]
    assert len(objects["ExternalSecret/passwords-generated"]["spec"]["dataFrom"]) == 2


def test_a_secret_of_the_cluster_is_copied_and_not_read_back():
    objects = made(TLS)
    assert "ExternalSecret/tls" not in objects
    spec = objects["PushSecret/tls"]["spec"]
    assert spec["selector"] == {"secret": {"name": "tls"}}
    assert (spec["updatePolicy"], spec["deletionPolicy"]) == ("Replace", "None")


def test_vault_gets_each_key_and_the_others_get_whole_entries():
    """Elsewhere IfNotExists asks for the entry alone: a second key would never arrive."""
    for name, store in STORES.items():
        data = made(PASSWORDS, **{name: store})["PushSecret/passwords"]["spec"]["data"]
        matches = [one["match"] for one in data]
        if name == "vault":
            assert [one["secretKey"] for one in matches] == PASSWORDS.keys
            assert all(one["remoteRef"]["property"] == one["secretKey"] for one in matches)
        else:
            assert matches == [{"remoteRef": {"remoteKey": store.entry("passwords")}}]


@pytest.mark.parametrize("name", STORES)
def test_a_store_is_read_as_the_service_account_of_its_namespace(name: str):
    objects = made(PULL, **{name: STORES[name]})
    account = objects["ServiceAccount/qudag-mcp-secrets"]
    assert account["automountServiceAccountToken"] is False
    spec = objects["SecretStore/qudag-mcp"]["spec"]
    assert "'name': 'qudag-mcp-secrets'" in str(spec)
    assert "secretRef" not in str(spec).replace("serviceAccountRef", "")
    assert objects["SecretStore/qudag-mcp"]["metadata"]["namespace"] == "mcp"


def test_vault_is_verified_and_its_token_is_for_vault_alone():
    store = VaultStore(
        address="https://openbao.example.com", role="reader", prefix="mcp", ca=CERTIFICATE
    )
    provider = made(PULL, vault=store)["SecretStore/qudag-mcp"]["spec"]["provider"]["vault"]
    assert base64.b64decode(provider["caBundle"]).decode() == CERTIFICATE
    login = provider["auth"]["kubernetes"]
    assert (login["role"], login["serviceAccountRef"]["audiences"]) == ("reader", ["vault"])
    assert provider["version"] == "v2"


def test_each_cloud_knows_the_service_account():
    def annotations(name: str) -> Mapping[str, str]:
        objects = made(PULL, **{name: STORES[name]})
        return objects["ServiceAccount/qudag-mcp-secrets"]["metadata"].get("annotations", {})

    assert annotations("aws") == {"eks.amazonaws.com/role-arn": AWS.role}
    assert annotations("gcp") == {"iam.gke.io/gcp-service-account": GCP.service_account}
    assert annotations("azure")["azure.workload.identity/client-id"] == ID
    assert annotations("vault") == {}


def test_azure_says_workload_identity():
    spec = made(PULL, azure=AZURE)["SecretStore/qudag-mcp"]["spec"]
    assert spec["provider"]["azurekv"]["authType"] == "WorkloadIdentity"


def test_with_pod_identity_the_controller_reads_the_store():
    store = AwsStore(region="eu-central-1", prefix="mcp", identity="pod-identity")
    objects = made(PULL, aws=store)
    assert objects["SecretStore/qudag-mcp"]["spec"]["provider"]["aws"] == {
        "service": "SecretsManager",
        "region": "eu-central-1",
    }
    assert "annotations" not in objects["ServiceAccount/qudag-mcp-secrets"]["metadata"]


@pytest.mark.parametrize(
    ("secrets", "stores", "path"),
    [
        ([PULL], {}, "vault"),
        ([PULL], {"vault": VAULT, "aws": AWS}, "vault"),
        ([PULL, PULL], {"vault": VAULT}, "secrets[1].name"),
        (
            [PASSWORDS, SyncedSecret(name="passwords-generated", keys=["a"])],
            {"vault": VAULT},
            "secrets[1].name",
        ),
        ([SyncedSecret(name="a", keys=[])], {"vault": VAULT}, "secrets[0].keys"),
        (
            [PULL],
            {
                "gcp": GcpStore(
                    project=GCP.project, service_account=GCP.service_account, prefix="a/b"
                )
            },
            "gcp.prefix",
        ),
        ([PULL], {"aws": AwsStore(region="eu-central-1", prefix="a")}, "aws.role"),
    ],
)
def test_what_cannot_work_is_refused(
    secrets: list[SyncedSecret], stores: dict[str, Any], path: str
):
    args = SecretSyncArgs(namespace="mcp", secrets=secrets, **stores)
    with pytest.raises(ProblemReport) as refused:
        record(lambda: SecretSync("secrets", args))
    assert [problem.path for problem in refused.value.problems] == [f"secrets.{path}"]


def test_durations_are_written_as_the_api_server_returns_them():
    assert [duration(seconds) for seconds in (5, 60, 300, 3600, 5400)] == [
        *("5s", "1m0s", "5m0s", "1h0m0s", "1h30m0s"),
    ]
