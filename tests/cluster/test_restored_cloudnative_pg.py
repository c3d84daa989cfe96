"""The API server with the operators' CRDs admits what `qudag-mcp restore` renders.

No controller runs: this shows that the objects have the form of the CRDs, not what the operator
does with them.
"""

from __future__ import annotations

from datetime import UTC, datetime

from components.kubernetes.cloudnative_pg import CloudNativePgDataTier
from components.kubernetes.cloudnative_pg_args import PgBouncer
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.party import Neighbour
from delivery.database_restore import Wanted
from delivery.restores.cloudnative_pg import cloudnative_pg_plan
from graph.recorder import record
from tests.cluster.test_cloudnative_pg import AWS
from tests.harness.apiserver import ApiServer, documents
from tests.harness.minimal_args import cloudnative_pg

NAMESPACE = "restored-databases"
DATA = {"cloudnativePg": {"backup": {"url": AWS.url}}}


def program() -> None:
    LockedNamespace("restored-databases", LockedNamespaceArgs(name=NAMESPACE))
    full = cloudnative_pg(
        namespace=NAMESPACE,
        backup=AWS,
        pooler=PgBouncer(),
        credentials_secret="mcp-database-owner",
        clients=[Neighbour(name="core", namespace=NAMESPACE, labels={"app": "mcp-core"})],
    )
    CloudNativePgDataTier("postgres", full)


def test_the_rendered_cluster_is_admitted_beside_the_live_one(api_server_with_crds: ApiServer):
    live = api_server_with_crds.apply(documents(program))
    assert live.returncode == 0, live.stderr
    now = datetime(2026, 11, 29, 2, 30, tzinfo=UTC)
    wanted = Wanted(before="2026-11-28T02:00:00Z", database="restored")
    text = cloudnative_pg_plan(record(program), DATA, "prod", wanted, now).text()
    applied = api_server_with_crds.apply(text)
    assert applied.returncode == 0, applied.stderr
    assert "Warning" not in applied.stderr
    assert api_server_with_crds.differences(text) == ""
    assert api_server_with_crds.differences(documents(program)) == ""
