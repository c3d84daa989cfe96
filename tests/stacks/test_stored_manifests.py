"""The ConfigMap that is backed up has each object of the stack as it is applied, and no Secret."""

from __future__ import annotations

import base64
import gzip
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import pytest
import yaml

from components.base.problems import ProblemReport
from components.kubernetes import database_backup, volume_backup
from components.kubernetes.backup_storage import MANIFESTS_PATH
from graph.manifests import manifests
from graph.resource_graph import ResourceGraph
from runtime.kubernetes_manifests import FILE
from stacks import stored_manifests
from stacks.backup import MANIFESTS
from tests.harness import canary_stack
from tests.harness.canaries import Canary, leaks
from tests.harness.user_servers import NETWORK, recorded

BACKUP: Final[Mapping[str, Any]] = {"backup": {"bucket": canary_stack.BUCKET}}
NOTES: Final = {"image": "ghcr.io/acme/notes:1", "port": 8080}
VOLUMES: Final[Mapping[str, Any]] = {
    "data": {"volumes": {"models": {"size": "1Gi"}}},
    "servers": {
        "files": {
            "image": "ghcr.io/acme/files:1",
            "port": 8080,
            "volumes": {"models": "/models"},
        }
    },
}


def applied(graph: ResourceGraph) -> list[dict[str, Any]]:
    return list(manifests(graph).values())


def stored(graph: ResourceGraph) -> str:
    (found,) = [one for one in applied(graph) if one["metadata"]["name"] == MANIFESTS]
    return gzip.decompress(base64.b64decode(found["binaryData"][FILE])).decode()


def documents(graph: ResourceGraph) -> list[dict[str, Any]]:
    return list(yaml.load_all(stored(graph), Loader=yaml.CSafeLoader))


def readers(graph: ResourceGraph) -> dict[str, bool]:
    """The CronJobs that mount the ConfigMap, and whether they start without it."""
    return {
        job["metadata"]["name"]: volume["configMap"]["optional"]
        for job in applied(graph)
        if job["kind"] == "CronJob"
        for volume in job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
        if volume.get("configMap", {}).get("name") == MANIFESTS
    }


def told(graph: ResourceGraph, name: str) -> str | None:
    """Where the configuration of a job says that the objects are."""
    for one in applied(graph):
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] == f"{name}-config":
            (text,) = one["data"].values()
            return tomllib.loads(text)["backup"].get("manifests")
    return None


def place(written: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = written["metadata"]
    return written["kind"], metadata.get("namespace", ""), metadata["name"]


def complete(graph: ResourceGraph) -> None:
    found = sorted(documents(graph), key=place)
    wanted = [one for one in applied(graph) if one["metadata"]["name"] != MANIFESTS]
    assert found == sorted(wanted, key=place)


def test_each_object_is_stored_as_it_is_applied():
    complete(canary_stack.graph())


@pytest.mark.slow
def test_objects_in_each_namespace_and_from_each_section_are_stored():
    graph = recorded(
        {
            **BACKUP,
            **VOLUMES,
            "topology": "microservices",
            "network": NETWORK,
            "observability": {"kind": "operator"},
            "kubernetes": {"namespaces": {"tools": "qudag-tools"}, "apiServer": ["10.96.0.1/32"]},
            "servers": {**VOLUMES["servers"], "notes": {**NOTES, "namespace": "tools"}},
        }
    )
    complete(graph)
    assert {"qudag-tools"} < {place(one)[1] for one in documents(graph)}


def test_namespaces_come_first_and_the_rest_is_in_the_order_of_application():
    kinds = [one["kind"] for one in documents(canary_stack.graph())]
    assert kinds[0] == "Namespace"
    assert kinds.index("ConfigMap") < kinds.index("StatefulSet") < kinds.index("CronJob")


def test_secrets_are_there_as_names_and_keys_only():
    text, graph = stored(canary_stack.graph()), canary_stack.graph()
    assert "Secret" not in {one["kind"] for one in documents(graph)}
    comments = [line for line in text.splitlines() if line.startswith("# Secret ")]
    assert comments == [
        f"# Secret {one['namespace']}/{one['name']}: keys {', '.join(one['keys'])}"
        for one in graph.outputs["required_secrets"]
    ]
    assert "# Secret qudag-mcp-dev/backup-bucket: keys access-key, secret-key" in comments


@pytest.mark.slow
def test_the_text_has_no_credential_of_the_environment_and_is_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch,
):
    canaries = [Canary.of(name) for name in ("AWS_SECRET_ACCESS_KEY", "PULUMI_ACCESS_TOKEN")]
    for one in canaries:
        monkeypatch.setenv(one.name, one.text)
    text = stored(recorded(canary_stack.CONFIG))
    assert leaks(canaries, {MANIFESTS: text}) == []
    assert text == stored(canary_stack.graph())


def test_one_job_stores_it_and_starts_without_it():
    graph = canary_stack.graph()
    assert readers(graph) == {database_backup.BACKUP: True}
    assert told(graph, database_backup.BACKUP) == MANIFESTS_PATH
    assert told(graph, database_backup.DRILL) is None


@pytest.mark.slow
def test_without_a_database_in_the_cluster_the_job_of_volumes_stores_it():
    outside: dict[str, Any] = {
        "host": "db.example.com",
        "networks": ["10.30.128.0/24"],
        "password": {"secret": "data", "key": "password"},
        "ca": {"secret": "data", "key": "ca.crt"},
    }
    data = {"data": {"kind": "external", "external": outside, **VOLUMES["data"]}}
    graph = recorded({**BACKUP, **VOLUMES, **data, "topology": "microservices", "network": NETWORK})
    assert readers(graph) == {volume_backup.BACKUP: True}
    assert told(graph, volume_backup.BACKUP) == MANIFESTS_PATH
    complete(graph)


def test_without_the_section_there_is_no_configmap():
    graph = recorded({"topology": "monolith", "network": NETWORK})
    assert MANIFESTS not in {one["metadata"]["name"] for one in applied(graph)}


def test_more_than_a_config_map_may_hold_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
):
    assert stored_manifests.MOST_BYTES == 1024**2  # Kubernetes' page on ConfigMaps: 1 MiB
    text = "kind: ConfigMap\n"
    size = len(gzip.compress(text.encode()))
    monkeypatch.setattr(stored_manifests, "MOST_BYTES", size)
    assert gzip.decompress(base64.b64decode(stored_manifests.compressed(text, objects=7)))
    monkeypatch.setattr(stored_manifests, "MOST_BYTES", size - 1)
    with pytest.raises(ProblemReport) as refused:
        stored_manifests.compressed(text, objects=7)
    (problem,) = refused.value.problems
    assert problem.path == "qudag-mcp:backup"
    assert f"7 Kubernetes objects, which are {size} bytes" in problem.what
    assert "a stack of their own" in problem.fix
