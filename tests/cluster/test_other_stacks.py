"""A real API server admits stacks that are not shipped: other topologies, and users' servers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from delivery.render import render
from graph.resource_graph import ResourceGraph
from tests.cluster.test_manifests import APPLY, pod
from tests.harness.apiserver import ApiServer
from tests.harness.graph_queries import pods
from tests.harness.user_servers import (
    AGENTGATEWAY,
    EVERY_FIELD,
    NETWORK,
    WITHOUT_LIMITS,
    example_sections,
    recorded,
)

NAMESPACE: Final = "qudag-mcp-own-servers"
QUOTA: Final = {"limitsCpu": "40"}
STACKS: Final[dict[str, dict[str, Any]]] = {
    **{
        name: {"topology": name, "network": NETWORK}
        for name in ("single-server", "load-balanced", "boilerplate", "three-services")
    },
    "orchestration": {
        "topology": "orchestration",
        "network": NETWORK,
        "servers": {
            f"{role}-agent": {"image": f"registry.example.com/{role}:1.0.0"}
            for role in ("business-analyst", "technical-architect", "developer", "qa-tester")
        },
    },
    "three-services with volumes": {
        "topology": "three-services",
        "network": NETWORK,
        "data": {
            "volumes": {
                "mcp-models": {
                    "size": "100Gi",
                    "storageClass": "fast-ssd",
                    "nfs": {"server": "nfs-server.example.com", "path": "/exports/mcp-models"},
                },
            },
        },
    },
    "three-services with backups, logs and traces sent elsewhere": {
        "topology": "three-services",
        "network": NETWORK,
        "observability": {
            "logs": {
                "sink": {
                    "kind": "opensearch",
                    "url": "https://search.example.com:9200",
                    "networks": ["192.0.2.0/24"],
                    "user": "logs",
                    "password": {"secret": "log-sink", "key": "password"},
                    "retention": {
                        "user": "log-retention",
                        "password": {"secret": "log-retention", "key": "password"},
                    },
                },
            },
            "traces": {
                "sink": {"url": "https://traces.example.com:4318", "networks": ["192.0.2.0/24"]},
            },
        },
        "backup": {
            "bucket": {
                "url": "s3://qudag-backups/dev",
                "endpoint": "https://s3.example.com:9000",
                "region": "eu-west-1",
                "key": "backup-bucket",
                "networks": ["10.60.1.0/24"],
            },
        },
        "data": {"volumes": {"models": {"size": "1Gi"}}},
        "servers": {
            "files": {"image": "ghcr.io/acme/files:1", "volumes": {"models": "/models"}},
        },
    },
    "a Prometheus of its own": {
        "topology": "orchestration",
        "network": {key: value for key, value in NETWORK.items() if key != "prometheus"},
        "kubernetes": {"apiServer": ["10.96.0.1/32"]},
        "domain": "mcp.example.com",
        "observability": {
            "kind": "standalone",
            "alerts": {
                "receivers": [
                    {"name": "duty", "pagerduty": {"key": {"secret": "told", "key": "duty"}}}
                ],
            },
            "standalone": {"probes": {}, "grafana": {}},
            "logs": {},
            "traces": {},
        },
    },
    "the example": example_sections(),
    "every field": {
        "topology": "none",
        "edge": {"rateLimits": {}},
        "network": NETWORK,
        "servers": EVERY_FIELD,
    },
    "agentgateway": {
        "topology": "none",
        "domain": "mcp.example.com",
        "network": NETWORK,
        "servers": WITHOUT_LIMITS,
        "images": AGENTGATEWAY,
    },
}


@pytest.fixture(scope="module", params=STACKS)
def graph(request: pytest.FixtureRequest) -> ResourceGraph:
    name = f"{NAMESPACE}-{list(STACKS).index(request.param)}"
    stated = STACKS[request.param]
    cluster = {**stated.get("kubernetes", {}), "namespace": name, "quota": QUOTA}
    return recorded({**stated, "kubernetes": cluster})


@pytest.fixture(scope="module")
def manifests(
    graph: ResourceGraph, api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("servers")
    render(graph, folder)
    yield folder / "manifests"
    api_server.kubectl("delete", "namespace", *namespaces(graph), "--wait=false")


def namespaces(graph: ResourceGraph) -> list[str]:
    """All namespaces of the platform."""
    return graph.outputs.get("namespaces") or [graph.outputs["namespace"]]


def test_every_manifest_is_admitted_and_a_second_apply_changes_nothing(
    manifests: Path, api_server: ApiServer
):
    first = api_server.kubectl(*APPLY, "-f", str(manifests))
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    compare = ("diff", "--server-side", "--field-manager=test-manifests", "-f", str(manifests))
    difference = api_server.kubectl(*compare)
    for _ in range(10):  # the controllers may count the quota between the two reads of a diff
        if difference.returncode == 0:
            break
        time.sleep(1)
        difference = api_server.kubectl(*compare)
    assert difference.returncode == 0, difference.stdout + difference.stderr


def test_every_pod_is_admitted_with_the_limits_and_standards_of_the_namespace(
    graph: ResourceGraph, manifests: Path, api_server: ApiServer
):
    assert api_server.kubectl(*APPLY, "-f", str(manifests)).returncode == 0
    templates = [pod(template) for template in pods(graph)]
    admitted = api_server.kubectl(
        *("create", "--validate=strict", "--dry-run=server", "-o", "name", "-f", "-"),
        stdin=yaml.safe_dump_all(templates),
    )
    assert admitted.returncode == 0, admitted.stderr
    assert "Warning" not in admitted.stderr
    assert len(admitted.stdout.splitlines()) == len(templates)


def test_no_controller_is_refused_its_pods(
    graph: ResourceGraph, manifests: Path, api_server: ApiServer
):
    assert api_server.kubectl(*APPLY, "-f", str(manifests)).returncode == 0
    for template in pods(graph):
        namespace = template.owner.inputs["metadata"]["namespace"]
        if template.owner.inputs["kind"] == "DaemonSet":
            continue  # there are no nodes
        if template.owner.inputs["kind"] == "CronJob":
            run = f"--from=cronjob/{template.name}"
            begun = api_server.kubectl("-n", namespace, "create", "job", f"{template.name}-1", run)
            assert begun.returncode == 0, begun.stderr
        made = api_server.kubectl(
            *("-n", namespace, "wait", "pods", "--for=create", "--timeout=60s"),
            *("-l", f"app={template.name}"),
        )
        assert made.returncode == 0, made.stderr
    for namespace in namespaces(graph):
        events = api_server.kubectl(
            "-n", namespace, "get", "events", "--field-selector=reason=FailedCreate", "-o", "json"
        )
        assert [event["message"] for event in json.loads(events.stdout)["items"]] == []
