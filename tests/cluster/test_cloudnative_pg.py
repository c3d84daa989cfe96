"""The API server with the operators' CRDs admits a PostgreSQL cluster in its full and least form.

No controller runs: this shows that the objects have the form of the CRDs, not what the operator
does with them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.kubernetes.cloudnative_pg import CloudNativePgDataTier
from components.kubernetes.cloudnative_pg_args import LoginRole, PgBouncer
from components.kubernetes.cloudnative_pg_backup import ObjectStorage
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.party import Neighbour
from tests.harness.apiserver import ApiServer, documents
from tests.harness.minimal_args import cloudnative_pg

NAMESPACE = "databases"
AWS = ObjectStorage(
    provider="aws",
    url="s3://acme-backups/postgres",
    identity="arn:aws:iam::123456789012:role/postgres-backups",
    networks=["10.1.0.0/28"],
)
STORAGES = {
    "aws": AWS,
    "gcp": replace(
        AWS,
        provider="gcp",
        url="gs://acme-backups/postgres",
        identity="backups@acme-prod.iam.gserviceaccount.com",
    ),
    "azure": replace(
        AWS,
        provider="azure",
        url="https://acmebackups.blob.core.windows.net/postgres/prod",
        identity="0a1b2c3d-0000-4000-8000-0123456789ab",
    ),
}


def program() -> None:
    LockedNamespace("databases", LockedNamespaceArgs(name=NAMESPACE))
    least = cloudnative_pg(namespace=NAMESPACE, instances=1, synchronous=0)
    CloudNativePgDataTier("least", least)
    for name, storage in STORAGES.items():
        full = cloudnative_pg(
            namespace=NAMESPACE,
            backup=storage,
            pooler=PgBouncer(pool_mode="transaction" if name == "gcp" else "session"),
            roles=[
                LoginRole(
                    name="qudag_audit",
                    password_secret="mcp-audit",
                    member_of=["pg_monitor"],
                    connection_limit=20,
                )
            ],
            credentials_secret="mcp-database-owner",
            storage_class="fast-ssd",
            parameters={"work_mem": "8MB"},
            prometheus=Neighbour(
                name="prometheus", namespace="monitoring", labels={"app": "prometheus"}
            ),
            clients=[Neighbour(name="core", namespace=NAMESPACE, labels={"app": "mcp-core"})],
            protect=True,
        )
        CloudNativePgDataTier(f"postgres-{name}", full)


@pytest.fixture(scope="module")
def applied(api_server_with_crds: ApiServer) -> ApiServer:
    first = api_server_with_crds.apply(documents(program))
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    return api_server_with_crds


def test_a_second_apply_changes_nothing(applied: ApiServer):
    assert applied.differences(documents(program)) == ""
