"""A stack with `data.kind: cloudnative-pg`: its objects, Secrets, flows and server settings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.kubernetes.cloudnative_pg import service_names
from components.kubernetes.cloudnative_pg_policies import instance_pods, pooler_pods
from graph.recorder import record
from graph.resource_graph import ResourceGraph
from policies import findings
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.program import main
from stacks.required_secrets import required_secrets
from stacks.rules.capacity import asks, counts, manifests
from tests.harness.graph_queries import objects
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.invalid.cases import changed

API_SERVER = ["10.96.0.1/32", "192.0.2.10/32"]
BACKUP = {
    "provider": "gcp",
    "url": "gs://acme-backups/postgres",
    "identity": "backups@acme-prod.iam.gserviceaccount.com",
    "networks": ["10.60.0.0/28"],
}
POSTGRES: dict[str, Any] = {
    "image": "ghcr.io/cloudnative-pg/postgresql:17.6-system-trixie",
    "roles": [{"name": "qudag_audit", "passwordSecret": "mcp-audit"}],
    "backup": BACKUP,
    "pooler": {},
    "podMonitor": True,
}
SECTIONS: dict[str, Any] = {
    "kubernetes": {"apiServer": API_SERVER},
    "network": {"clients": ["10.0.0.0/8"], "prometheus": {}},
}


def raw(topology: str, **changes: Any) -> dict[str, Any]:
    sections = {"topology": topology, **SECTIONS}
    made = changed("dev", sections, drop=("scaling", "data"))
    return made | {"data": {"kind": "cloudnative-pg", "cloudnativePg": {**POSTGRES, **changes}}}


def config(topology: str = "microservices", **changes: Any) -> StackConfig:
    return validate(raw(topology, **changes), stack="dev")


def graph(topology: str = "microservices", **changes: Any) -> ResourceGraph:
    handed = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in raw(topology, **changes).items()
    }
    return record(main, stack="dev", config=handed)


def test_the_database_is_a_cluster_and_valkey_stays_in_a_pod():
    made = graph()
    (cluster,) = objects(made, "Cluster")
    assert cluster["spec"]["imageName"] == POSTGRES["image"]
    assert cluster["spec"]["certificates"]["serverTLSSecret"] == "mcp-internal-tls-postgres"
    assert {one["metadata"]["name"] for one in objects(made, "StatefulSet")} >= {"redis"}
    assert "postgres" not in {one["metadata"]["name"] for one in objects(made, "StatefulSet")}
    assert [len(objects(made, kind)) for kind in ("Pooler", "ScheduledBackup", "PodMonitor")] == [
        1,
        1,
        1,
    ]


def test_the_server_connects_to_pgbouncer_with_the_owners_password():
    texts = [one["data"].get("server.toml", "") for one in objects(graph(), "ConfigMap")]
    written = [text for text in texts if "[database]" in text]
    (database,) = {text.partition("[database]\n")[2].partition("\n[")[0] for text in written}
    assert 'host = "postgres-pooler"' in database
    assert 'password_file = "/etc/database/password"' in database
    assert 'ca_file = "/etc/internal-ca/ca.crt"' in database


@pytest.mark.parametrize("topology", ["microservices", "orchestration"])
def test_every_secret_that_the_cluster_names_is_required_in_its_namespace(topology: str):
    chosen = config(topology)
    (cluster,) = objects(graph(topology), "Cluster")
    there = cluster["metadata"]["namespace"]
    listed = {
        (one["namespace"], one["name"]): (one["kind"], set(one["keys"]), one["dns_names"])
        for one in required_secrets(chosen)
    }
    kind, keys, _ = listed[there, "mcp-database-owner"]
    assert (kind, keys) == ("given", {"username", "password"})
    assert listed[there, "mcp-audit"][:2] == ("given", {"username", "password"})
    assert listed[there, "mcp-internal-ca"][0] == "authority"
    kind, _, names = listed[there, "mcp-internal-tls-postgres"]
    assert kind == "internal-certificate"
    services = service_names("postgres", pooler=True)
    assert set(names) == {f"{one}{end}" for one in services for end in ("", f".{there}.svc")}


@pytest.mark.parametrize("topology", ["microservices", "orchestration"])
@pytest.mark.parametrize("pooler", [None, {}], ids=["direct", "pooler"])
def test_exactly_the_pods_with_a_flow_to_the_database_reach_it(topology: str, pooler: Any):
    made = graph(topology, pooler=pooler)
    (cluster,) = objects(made, "Cluster")
    there = cluster["metadata"]["namespace"]
    enforced = Enforcement(objects(made, "NetworkPolicy"))
    front = pooler_pods("postgres") if pooler is not None else instance_pods("postgres")
    target = Endpoint.pod(there, **front)
    reaching = {
        name
        for one in objects(made, "Deployment") + objects(made, "StatefulSet")
        for name, pod in [
            (
                one["metadata"]["name"],
                Endpoint.pod(
                    one["metadata"]["namespace"],
                    **one["spec"]["template"]["metadata"]["labels"],
                ),
            )
        ]
        if enforced.allows(pod, target, "TCP", 5432)
    }
    reading = {
        one["metadata"]["name"]
        for one in objects(made, "Deployment") + objects(made, "StatefulSet")
        if any(
            volume.get("secret", {}).get("secretName") == "mcp-database-owner"
            for volume in one["spec"]["template"]["spec"]["volumes"]
        )
    }
    assert reaching == reading != set()


def test_the_policies_find_nothing_in_it():
    assert [str(one.problem) for one in findings(graph())] == []


def test_the_pods_of_the_operator_count_against_the_quota():
    chosen = config()
    every = manifests(chosen)
    pods = {one.workload: one.pods for one in asks(every)}
    assert (pods["postgres"], pods["postgres-pooler"]) == (4, 3)
    (postgres,) = [one for one in asks(every) if one.workload == "postgres"]
    assert len(postgres.containers) == 2  # the archive's sidecar
    assert counts(every, chosen)["persistentvolumeclaims"] >= 3


def test_the_section_of_another_kind_changes_nothing():
    assert objects(graph(), "Cluster") != []
    plain = changed("dev", {"topology": "microservices"}, drop=("scaling",))
    assert validate(plain, stack="dev").data.cloudnative_pg is None
