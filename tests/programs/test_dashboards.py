"""The dashboards of a stack show what its programs export, and its own servers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components.mcp.metrics import EXPORTED
from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import objects
from tests.harness.user_servers import NETWORK, recorded

SERVERS = {
    "weather": {"image": "ghcr.io/acme/weather:1"},
    "notes": {"image": "ghcr.io/acme/notes:1", "pathPrefix": "/notes"},
}
SHOWN: dict[str, Any] = {"kind": "operator", "dashboards": {}}


def stack(**changes: Any) -> ResourceGraph:
    config = {"topology": "monolith", "network": NETWORK, "servers": SERVERS}
    return recorded(config | {"observability": SHOWN} | changes)


def pages(graph: ResourceGraph) -> dict[str, dict[str, Any]]:
    """By the name of the ConfigMap."""
    found: dict[str, dict[str, Any]] = {}
    for one in objects(graph, "ConfigMap"):
        if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1":
            [text] = one["data"].values()
            found[one["metadata"]["name"].removeprefix("dashboard-")] = json.loads(text)
    return found


def metrics(found: dict[str, dict[str, Any]]) -> set[str]:
    """The metrics that the panels of pages ask for."""
    words = {
        re.sub(r"_(bucket|count|sum)$", "", word)
        for page in found.values()
        for panel in page["panels"]
        for target in panel.get("targets", ())
        for word in re.findall(r"\w+(?=\{)", target["expr"])
    }
    return words & EXPORTED.keys()


def test_a_server_has_a_page_of_its_path_at_the_gateway():
    found = pages(stack())
    for uid, route in (("weather", "/servers/weather/mcp"), ("notes", "/notes/mcp")):
        page = found[f"qudag-mcp-server-{uid}"]
        [*expressions] = (
            one["expr"] for panel in page["panels"] for one in panel.get("targets", ())
        )
        assert all(f'route="{route}"' in one for one in expressions)


def test_two_stacks_with_one_grafana_replace_nothing_of_each_other():
    """Its sidecar writes the files of every namespace into one folder, and titles are unique."""
    files: list[set[str]] = []
    uids: list[set[str]] = []
    titles: list[set[str]] = []
    folders: set[str] = set()
    for namespace in ("mcp-one", "mcp-two"):
        graph = stack(kubernetes={"namespace": namespace, "context": "one"})
        found = pages(graph)
        uids.append({page["uid"] for page in found.values()})
        titles.append({page["title"] for page in found.values()})
        made = [one for one in objects(graph, "ConfigMap") if "grafana_dashboard" in str(one)]
        files.append({name for one in made for name in one["data"]})
        folders |= {one["metadata"]["annotations"]["grafana_folder"] for one in made}
        (rules,) = objects(graph, "PrometheusRule")
        linked = set(re.findall(r"/d/([^?]+)\?", json.dumps(rules)))
        assert linked
        assert linked <= uids[-1]
    assert folders == {"mcp-one", "mcp-two"}
    for names in (files, uids, titles):
        assert len(names[0]) == len(names[1]) > 5
        assert not names[0] & names[1]


def test_what_the_stack_does_not_have_is_in_no_panel():
    asked = metrics(pages(stack()))
    assert "mcp_gateway_requests_total" in asked
    assert not {name for name in asked if name.startswith(("redis_", "pg_", "mcp_backup_"))}


@pytest.mark.parametrize(
    ("topology", "era", "kept"),
    [
        ("single-server", "modern", False),
        ("single-server", "dual", True),
        ("monolith", "dual", False),
    ],
)
def test_sessions_are_shown_of_servers_that_keep_them(topology: str, era: str, kept: bool):
    """A monolith keeps them in Valkey, where no server knows how long one was."""
    asked = metrics(pages(stack(topology=topology, protocol={"era": era})))
    assert ("mcp_server_session_duration_seconds" in asked) is kept


def test_requests_to_other_servers_are_shown_of_servers_that_offer_their_tools():
    name = "mcp_client_operation_duration_seconds"
    assert name not in metrics(pages(stack(servers={})))
    assert name in metrics(pages(stack(servers={}, topology="microservices")))
    federated = {"weather": SERVERS["weather"] | {"auth": "gateway"}}
    assert name in metrics(pages(stack(servers=federated)))


@pytest.mark.slow
def test_exporters_beside_the_stores_bring_their_panels():
    data = {"valkey": {"exporter": True}, "databaseExporter": True}
    asked = metrics(pages(stack(data=data)))
    assert {"redis_memory_used_bytes", "pg_stat_database_numbackends"} <= asked


@pytest.mark.slow
@pytest.mark.parametrize("topology", [name for name in TOPOLOGIES if name != "none"])
def test_every_topology_has_its_pages(topology: str):
    servers = {f"{one}-agent": {"image": "ghcr.io/acme/agent:1"} for one in ("developer",)}
    graph = stack(topology=topology, servers=servers if topology == "orchestration" else SERVERS)
    assert {"qudag-mcp-overview", "qudag-mcp-service", "qudag-mcp-security"} <= pages(graph).keys()


def test_without_the_section_there_are_none():
    assert pages(stack(observability={"kind": "operator"})) == {}


@pytest.mark.slow
def test_a_stack_with_its_own_prometheus_has_panels_of_the_gateway():
    graph = stack(
        network={name: value for name, value in NETWORK.items() if name != "prometheus"},
        kubernetes={"apiServer": ["10.96.0.1/32"]},
        observability={"kind": "standalone", "dashboards": {}},
    )
    found = pages(graph)
    assert "mcp_gateway_requests_total" in metrics(found)
    assert "qudag-mcp-server-weather" in found


@pytest.mark.slow
def test_all_namespaces_of_the_platform_are_selected_at_first():
    """The stores and the agents of this topology have namespaces of their own."""
    found = pages(stack(topology="orchestration", servers={}))
    for page in found.values():
        (namespaces,) = [one for one in page["templating"]["list"] if one["name"] == "namespace"]
        ends = ("", "-agents", "-cache", "-database")
        assert set(namespaces["current"]["value"]) == {f"qudag-mcp-dev{end}" for end in ends}
        assert namespaces["multi"]
