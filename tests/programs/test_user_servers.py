"""Stacks with servers of the user's own: their flows, Secrets, routes, checks and outputs."""

from __future__ import annotations

import tomllib
from collections import Counter
from typing import Any, Final

import pytest

from components.base.quantities import quantity
from graph.resource_graph import ResourceGraph
from runtime.bridge.options import BridgeOptions
from stacks.config.servers import Server
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.user_servers import (
    EVERY_FIELD,
    NETWORK,
    every_field,
    recorded,
)

FRONT: Final = {
    "monolith": "mcp-server",
    "single-server": "mcp-server",
    "load-balanced": "nginx-ingress",
    "boilerplate": "mcp-gateway",
    "microservices": "mcp-gateway",
    "none": "mcp-gateway",
}
LISTS: Final = {
    "monolith": "mcp-server",
    "single-server": "mcp-server",
    "load-balanced": "qudag-mcp",
    "boilerplate": "mcp-server",
    "microservices": "mcp-core",
    "none": "mcp-core",
}
CHECKS: Final = LISTS | {"microservices": "mcp-auth"}
"""By topology: what clients connect to, which server lists all tools, and which checks tokens."""
OUTSIDE: Final = {
    "a client": Endpoint.address("198.51.100.7"),
    "the issuer": Endpoint.address("203.0.113.9"),
    "the internet": Endpoint.address("192.0.2.1"),
    "the internet over IPv6": Endpoint.address("2001:db8::1"),
    "the machine's credentials": Endpoint.address("169.254.169.254"),
    "the API server": Endpoint.address("10.96.0.1"),
    "Prometheus": Endpoint.pod("monitoring", app="prometheus"),
    "a stranger": Endpoint.pod("default", app="weather"),
}
each_topology = pytest.mark.parametrize("topology", FRONT)


def named(graph: ResourceGraph, name: str) -> Pods:
    (found,) = [each for each in pods(graph) if each.name == name]
    return found


def server_toml(graph: ResourceGraph, service: str) -> dict[str, Any]:
    (found,) = [
        made["data"]["server.toml"]
        for made in objects(graph, "ConfigMap")
        if made["metadata"]["name"] == f"{service}-config"
    ]
    return tomllib.loads(found)


def nginx(graph: ResourceGraph) -> str:
    (found,) = [
        made["data"]["nginx.conf"]
        for made in objects(graph, "ConfigMap")
        if "/servers/" in made["data"].get("nginx.conf", "")
    ]
    return found


def proxy_of(graph: ResourceGraph, server: str) -> str:
    """nginx.conf of the container `tls` of a server."""
    (text,) = (
        one["data"]["nginx.conf"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"].startswith(f"{server}-tls")
    )
    return text


def passing(graph: ResourceGraph) -> set[tuple[str, str, int]]:
    """What the policies let pass from or to the user's servers, on any port of any pod."""
    namespace = graph.outputs["namespace"]
    everybody = {one.name: Endpoint.pod(namespace, **one.labels) for one in pods(graph)} | OUTSIDE
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    ports = {port for one in pods(graph) for _, port in one.ports} | {22, 80, 443, 8000}
    return {
        (source, target, port)
        for source in everybody
        for target in everybody
        for port in ports
        if {source, target} & EVERY_FIELD.keys()
        and cluster.allows(everybody[source], everybody[target], "TCP", port)
    }


@each_topology
def test_only_the_gateway_the_federating_server_and_callers_can_connect(topology: str):
    front, lists = FRONT[topology], LISTS[topology]
    assert passing(every_field(topology)) == {
        *((front, name, 8443) for name in EVERY_FIELD),
        *((lists, name, 8443) for name in ("weather", "notes")),
        ("weather", "notes", 8443),
        *(("Prometheus", name, 8445) for name in ("weather", "notes")),
    }


@each_topology
def test_the_gateway_reaches_the_server_that_checks_tokens(topology: str):
    graph = every_field(topology)
    front, checks = FRONT[topology], CHECKS[topology]
    namespace = graph.outputs["namespace"]
    source, target = (
        Endpoint.pod(namespace, **named(graph, name).labels) for name in (front, checks)
    )
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    assert front == checks or cluster.allows(source, target, "TCP", 8443)


@each_topology
def test_clients_reach_the_gateway_alone(topology: str):
    graph = every_field(topology)
    cluster = Enforcement(objects(graph, "NetworkPolicy"))
    reached = {
        one.name
        for one in pods(graph)
        for _, port in one.ports
        if cluster.allows(
            OUTSIDE["a client"],
            Endpoint.pod(graph.outputs["namespace"], **one.labels),
            "TCP",
            port,
        )
    }
    assert reached == {FRONT[topology]}


@each_topology
def test_each_server_has_its_outputs(topology: str):
    outputs = every_field(topology).outputs["servers"]
    assert outputs.keys() == EVERY_FIELD.keys()
    assert outputs["weather"] == {
        "mcp_url": "https://mcp.example.com/servers/weather/mcp",
        "prm_url": "https://mcp.example.com/.well-known/oauth-protected-resource"
        "/servers/weather/mcp",
        "issuer": "https://issuer.qudag-mcp.internal",
        "era": "modern",
        "auth": "gateway",
        "scopes": ["weather.read"],
    }
    assert outputs["own-tokens"]["auth"] == "server"


def test_a_stack_without_servers_has_no_output_servers():
    assert "servers" not in recorded({"network": NETWORK}).outputs


@each_topology
def test_required_secrets_are_those_of_the_servers_too(topology: str):
    required = {one["name"]: one for one in every_field(topology).outputs["required_secrets"]}
    assert required["weather-credentials"]["keys"] == ["api-key"]
    assert required["weather-credentials"]["kind"] == "given"
    assert required["mcp-tls-secret"]["dns_names"] == ["mcp.example.com", "weather.example.com"]
    for name in EVERY_FIELD:
        certificate = required[f"mcp-internal-tls-{name}"]
        assert certificate["kind"] == "internal-certificate"
        assert certificate["dns_names"] == [
            f"{name}-service",
            f"{name}-service.qudag-mcp-dev.svc",
        ]


@each_topology
def test_tokens_are_checked_for_servers_that_do_not_check_them(topology: str):
    graph = every_field(topology)
    assert server_toml(graph, CHECKS[topology])["protected_resources"] == [
        {
            "path": "/servers/weather/mcp",
            "hostname": "weather.example.com",
            "scopes": ["weather.read"],
        },
        {"path": "/servers/notes/mcp"},
    ]
    others = {name for name in ("mcp-core", "mcp-auth") if name in {p.name for p in pods(graph)}}
    for other in others - {CHECKS[topology]}:
        assert "protected_resources" not in server_toml(graph, other)


@each_topology
def test_tools_are_listed_of_servers_that_do_not_check_tokens(topology: str):
    offered = server_toml(every_field(topology), LISTS[topology])["tool_servers"]
    weather, notes = [one for one in offered if one["name"] in EVERY_FIELD]
    assert weather["url"] == "https://weather-service:8443/api/mcp"
    assert weather["era"] == "modern"
    assert weather["scopes"] == ["weather.read"]
    assert weather["send_user"] is notes["send_user"] is True
    assert notes["url"] == "https://notes-service:8443/mcp"


@each_topology
def test_the_gateway_routes_to_each_server(topology: str):
    text = nginx(every_field(topology))
    for name in EVERY_FIELD:
        assert f"/servers/{name}/mcp" in text
        assert f"{name}-service.qudag-mcp-dev.svc" in text
    assert "weather.example.com" in text


def test_a_server_has_its_own_limits_and_those_of_the_platform_for_the_rest():
    text = nginx(every_field("none"))
    assert "zone=api-weather:1m rate=50r/s;" in text
    assert "limit_req zone=api-weather burst=7 nodelay;" in text
    assert "limit_conn standing_streams-weather 40;" in text
    assert "limit_conn api_connections-weather 10;" in text
    assert "zone=api-notes:1m rate=10r/s;" in text


def test_the_limits_of_a_user_hold_at_images_of_others_too():
    limits = {"messagesPerSecond": 7, "burst": 3, "streamsPerUser": 5}
    servers = {"weather": {"image": "ghcr.io/acme/weather:1"}}
    graph = recorded({"topology": "none", "limits": limits, "servers": servers})
    text = proxy_of(graph, "weather")
    assert "limit_req_zone $sender zone=messages:4m rate=7r/s;" in text
    assert "limit_req zone=messages burst=3 nodelay;" in text
    assert "limit_conn streams 5;" in text
    own = server_toml(graph, "mcp-core")["limits"]
    assert (own["messages_per_second"], own["burst"], own["streams_per_user"]) == (7, 3, 5)
    none = recorded({"topology": "none", "limits": {"messagesPerSecond": 0}, "servers": servers})
    assert "limit_req" not in proxy_of(none, "weather").replace("limit_req_", "")


def test_a_program_that_speaks_stdio_runs_in_the_bridge():
    server = named(every_field("none"), "notes").container("server")
    assert server["command"] == [
        *("qudag-mcp-server", "bridge", "--port", "8000", "--metrics-port", "9090"),
        *("--path", "/mcp", "--era", "dual"),
        *("--longest-tool-seconds", "60", "--drain-seconds", "75", "--"),
        *EVERY_FIELD["notes"]["command"],
    ]
    assert server["readinessProbe"]["httpGet"]["path"] == "/health"


def test_the_bridge_accepts_its_options():
    command: list[str] = named(every_field("none"), "notes").container("server")["command"]
    given = command[2 : command.index("--")]
    options = BridgeOptions.model_validate(dict(zip(given[::2], given[1::2], strict=True)))
    assert (options.port, options.path, options.era) == (8000, "/mcp", "dual")


def test_every_field_reaches_the_pods():
    found = named(every_field("none"), "weather")
    server = found.container("server")
    assert server["image"] == "ghcr.io/acme/weather-mcp:2.3.1"
    assert server["command"] == EVERY_FIELD["weather"]["command"]
    assert server["securityContext"]["runAsUser"] == 1000
    variables = {one["name"]: one for one in server["env"]}
    assert variables["UNITS"]["value"] == "metric"
    key = {"name": "weather-credentials", "key": "api-key"}
    assert variables["API_KEY"]["valueFrom"]["secretKeyRef"] == key
    mounts = {one["mountPath"] for one in server["volumeMounts"]}
    assert {"/etc/weather/config.yaml", "/tmp", "/var/cache/weather"} <= mounts
    assert server["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert server["resources"]["limits"]["memory"] == "512Mi"
    assert found.spec["terminationGracePeriodSeconds"] > 300
    notes = named(every_field("none"), "notes")
    (claim,) = notes.owner.inputs["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    (autoscaler,) = [
        one["spec"]
        for one in objects(every_field("none"), "HorizontalPodAutoscaler")
        if one["spec"]["scaleTargetRef"]["name"] == "weather"
    ]
    assert (autoscaler["minReplicas"], autoscaler["maxReplicas"]) == (2, 10)


@each_topology
def test_the_namespace_admits_every_container(topology: str):
    graph = every_field(topology)
    (limits,) = objects(graph, "LimitRange")
    (bounds,) = limits["spec"]["limits"]
    for found in pods(graph):
        for container in found.containers:
            asked, limit = (container["resources"][kind] for kind in ("requests", "limits"))
            for resource in ("cpu", "memory", "ephemeral-storage"):
                place = f"{found.name}/{container['name']} {resource}"
                assert quantity(asked[resource]) >= quantity(bounds["min"][resource]), place
                assert quantity(limit[resource]) <= quantity(bounds["max"][resource]), place


def test_the_gateway_waits_for_the_longest_call_of_any_server():
    gateway = named(every_field("none"), "mcp-gateway")
    assert gateway.spec["terminationGracePeriodSeconds"] > 305


def test_a_server_with_calls_of_the_usual_length_drains_as_long_as_the_others():
    servers = {"weather": {"image": "ghcr.io/acme/weather:1"}}
    graph = recorded({"topology": "none", "protocol": {"drainSeconds": 200}, "servers": servers})
    for name in ("weather", "mcp-core"):
        assert named(graph, name).spec["terminationGracePeriodSeconds"] > 200


def test_the_stacks_of_these_tests_set_every_field_of_the_section():
    """Else a field could be without effect, and no test above would show it."""
    written = {field for server in EVERY_FIELD.values() for field in server}
    fields = {field.alias or name for name, field in Server.model_fields.items()}
    # replicas excludes scale; the others have files of their own: test_server_egress.py,
    # test_user_servers_in_clouds.py, test_topology_examples.py, test_namespaces.py,
    # test_trace_senders.py
    elsewhere = {"egress", "targets", "pathPrefix", "uses", "volumes", "namespace", "exposed"}
    elsewhere |= {"traces"}
    assert fields - written == {"replicas", *elsewhere}


@pytest.mark.parametrize(
    ("environment", "changes", "pods_wanted"),
    [
        ("dev", {}, 1),
        ("staging", {}, 2),
        ("staging", {"storage": {"path": "/data"}}, 1),
        ("dev", {"replicas": 3}, 3),
    ],
)
def test_the_default_number_of_pods_follows_from_environment_and_storage(
    environment: str, changes: dict[str, Any], pods_wanted: int
):
    from stacks.config.stack import StackConfig
    from stacks.services import topology

    config = StackConfig.model_validate(
        {
            "environment": environment,
            "topology": "none",
            "servers": {"weather": {"image": "ghcr.io/acme/weather:1", **changes}},
        }
    )
    assert topology(config).services[-1].replicas == pods_wanted


def test_objects_of_servers_with_similar_names_have_different_names():
    names = (
        "a",
        "a-tls",
        "a-files",
        "a-service",
        "a-hpa",
        "a-flows",
        "a-config",
        "mcp-core-config",
    )
    server = {"image": "ghcr.io/acme/a:1", "files": {"/etc/a": "a"}, "scale": {"max": 3}}
    graph = recorded({"topology": "none", "servers": dict.fromkeys(names, server)})
    identities = Counter(
        (one.inputs["kind"], one.inputs["metadata"]["name"])
        for one in graph.resources
        if one.is_kubernetes_object
    )
    assert [identity for identity, count in identities.items() if count > 1] == []
