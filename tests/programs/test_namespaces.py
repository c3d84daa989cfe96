"""A platform of several namespaces is one platform: policies, Secrets, addresses and rights."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from stacks.topologies import TOPOLOGIES
from tests.harness.containers import ROOT
from tests.harness.graph_queries import objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.topologies import recorded

AGENTS: Final = (
    *("business-analyst-agent", "technical-architect-agent"),
    *("developer-agent", "qa-tester-agent"),
)
WHERE: Final = {
    "mcp-gateway": "mcp-orchestration",
    "orchestration-engine": "mcp-orchestration",
    "database-migration": "mcp-orchestration",
    "egress-proxy": "mcp-orchestration",
    "postgres": "database",
    "redis": "cache",
    **dict.fromkeys(AGENTS, "mcp-agents"),
}
NAMES: Final = {
    "namespace": "mcp-orchestration",
    "namespaces": {"agents": "mcp-agents", "database": "database", "cache": "cache"},
}
QUOTA: Final = {"limitsCpu": "60", "limitsMemory": "80Gi", "requestsCpu": "20"}
EVERY: Final = set(WHERE.values())
TLS: Final = 8443
ENGINE_TLS: Final = 8001


@cache
def graph(*, images: bool = True) -> ResourceGraph:
    servers = {name: {"image": f"registry.example.com/{name}:1.0.0"} for name in AGENTS}
    people = {"operators": ["oidc:on-call"], "admins": ["oidc:platform"]}
    return recorded(
        TOPOLOGIES["orchestration"],
        {
            "kubernetes": {**NAMES, "quota": QUOTA, "people": people},
            "servers": servers if images else {},
        },
    )


def named(kind: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (made["metadata"].get("namespace", ""), made["metadata"]["name"]): made
        for made in objects(graph(), kind)
    }


def test_each_workload_runs_in_its_namespace():
    places = {found.name: found.owner.inputs["metadata"]["namespace"] for found in pods(graph())}
    assert places == WHERE
    assert set(graph().outputs["namespaces"]) == EVERY
    assert graph().outputs["namespace"] == "mcp-orchestration"


def test_each_namespace_is_locked_and_has_the_quota():
    spaces = named("Namespace")
    assert {name for _, name in spaces} == EVERY
    for namespace in EVERY:
        labels = spaces["", namespace]["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
        deny = named("NetworkPolicy")[namespace, "default-deny"]["spec"]
        assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        quota = named("ResourceQuota")[namespace, "mcp-resource-quota"]
        assert quota["spec"]["hard"]["limits.cpu"] == "60"


def test_exactly_the_declared_connections_pass_between_all_namespaces():
    everybody = {one.name: Endpoint.pod(WHERE[one.name], **one.labels) for one in pods(graph())}
    everybody["clients"] = Endpoint.address("198.51.100.7")
    cluster = Enforcement(objects(graph(), "NetworkPolicy"))
    proxy = {port for one in pods(graph()) if one.name == "egress-proxy" for _, port in one.ports}
    ports = {22, 443, 3001, 5432, 6379, 8000, 8080, TLS, ENGINE_TLS, 9090, *proxy}
    passing = {
        (source, target, port)
        for source in everybody
        for target in everybody
        for port in ports
        if not source == target == "clients"
        and cluster.allows(everybody[source], everybody[target], "TCP", port)
    }
    to_the_proxy = {way for way in passing if way[1] == "egress-proxy"}
    assert {source for source, _, _ in to_the_proxy} == set(AGENTS)
    assert len(to_the_proxy) == len(AGENTS)
    assert passing - to_the_proxy == {
        ("clients", "mcp-gateway", 8080),
        ("clients", "mcp-gateway", TLS),
        ("mcp-gateway", "orchestration-engine", ENGINE_TLS),
        ("orchestration-engine", "postgres", 5432),
        ("orchestration-engine", "redis", 6379),
        ("database-migration", "postgres", 5432),
        *(("orchestration-engine", agent, TLS) for agent in AGENTS),
    }


def test_labels_of_a_workload_in_another_namespace_open_no_connection():
    cluster = Enforcement(objects(graph(), "NetworkPolicy"))
    labels = {one.name: one.labels for one in pods(graph())}
    stranger = Endpoint.pod("elsewhere", **labels["orchestration-engine"])
    for target, port in (("postgres", 5432), (AGENTS[0], TLS)):
        there = Endpoint.pod(WHERE[target], **labels[target])
        assert not cluster.allows(stranger, there, "TCP", port)


def test_each_namespace_requires_the_secrets_that_its_pods_read_and_no_others():
    required: dict[tuple[str, str], set[str]] = {}
    for secret in graph().outputs["required_secrets"]:
        required.setdefault((secret["namespace"], secret["name"]), set()).update(secret["keys"])
    read: dict[tuple[str, str], set[str]] = {}
    for found in pods(graph()):
        for volume in found.spec["volumes"]:
            if secret := volume.get("secret"):
                keys = {item["key"] for item in secret["items"]}
                read.setdefault((WHERE[found.name], secret["secretName"]), set()).update(keys)
        for container in found.containers:
            for variable in container.get("env", []):
                if key := variable.get("valueFrom", {}).get("secretKeyRef"):
                    read.setdefault((WHERE[found.name], key["name"]), set()).add(key["key"])
    assert required == read


def test_certificates_name_the_services_in_their_namespaces():
    names = {s["name"]: s["dns_names"] for s in graph().outputs["required_secrets"]}
    for workload in ("postgres", "redis", *AGENTS):
        host = f"{workload}-service.{WHERE[workload]}.svc"
        assert host in names[f"mcp-internal-tls-{workload}"]


def test_the_engine_calls_stores_and_agents_by_names_of_their_namespaces():
    config = named("ConfigMap")["mcp-orchestration", "orchestration-engine-config"]
    text = config["data"]["server.toml"]
    hosts = named("ConfigMap")["mcp-orchestration", "mcp-global-config"]["data"]
    for key, store in (("POSTGRES_HOST", "postgres"), ("REDIS_HOST", "redis")):
        assert hosts[key] == f"{store}-service.{WHERE[store]}.svc"
    for agent in AGENTS:
        assert f'"https://{agent}-service.mcp-agents.svc:8443/mcp"' in text


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_has_its_key_from_a_secret_and_connects_through_the_proxy(agent: str):
    (found,) = (one for one in pods(graph()) if one.name == agent)
    env = {each["name"]: each for each in found.container("server")["env"]}
    assert env["OPENAI_API_KEY"]["valueFrom"]["secretKeyRef"] == {
        "name": "llm-secrets",
        "key": "openai-api-key",
    }
    assert env["HTTPS_PROXY"]["value"].startswith(
        "http://egress-proxy-service.mcp-orchestration.svc:"
    )


def test_a_stand_in_gets_no_key_and_no_egress_proxy():
    made = graph(images=False)
    assert set(made.outputs["stand_ins"]) == set(AGENTS)
    assert "llm-secrets" not in {s["name"] for s in made.outputs["required_secrets"]}
    assert "egress-proxy" not in {found.name for found in pods(made)}


def test_clients_reach_no_agent():
    conf = named("ConfigMap")["mcp-orchestration", "mcp-gateway-nginx"]["data"]["nginx.conf"]
    assert "agent" not in conf
    assert "servers" not in graph().outputs


def test_people_have_roles_in_each_namespace_for_its_own_objects_alone():
    roles = named("Role")
    assert {place for place, name in roles if name == "qudag-mcp-admin"} == EVERY
    for namespace in EVERY:
        rules = roles[namespace, "qudag-mcp-operator"]["rules"]
        scaled = {name for rule in rules for name in rule.get("resourceNames", ())}
        assert scaled <= {name for name, place in WHERE.items() if place == namespace}
    rules = roles["mcp-agents", "qudag-mcp-admin"]["rules"]
    of_secrets = [rule for rule in rules if rule["resources"] == ["secrets"]]
    secrets = {name for rule in of_secrets for name in rule.get("resourceNames", ())}
    assert secrets == {"llm-secrets", *(f"mcp-internal-tls-{agent}" for agent in AGENTS)}


def test_a_fifth_agent_is_one_entry_of_the_stack_file():
    fifth = {
        "image": "registry.example.com/security-reviewer:1.0.0",
        "namespace": "agents",
        "exposed": False,
        "port": 3001,
    }
    source = TOPOLOGIES["orchestration"]
    before = recorded(source, {"kubernetes": NAMES})
    after = recorded(source, {"kubernetes": NAMES, "servers": {"security-reviewer-agent": fifth}})
    new = {resource.name for resource in after.resources} - {r.name for r in before.resources}
    assert new == {
        "security-reviewer-agent",
        *(f"security-reviewer-agent-{role}" for role in ("pods", "service", "identity", "tls")),
        "flows-agents-security-reviewer-agent",
    }
    (config,) = (
        made["data"]["server.toml"]
        for made in objects(after, "ConfigMap")
        if made["metadata"]["name"] == "orchestration-engine-config"
    )
    assert '"https://security-reviewer-agent-service.mcp-agents.svc:8443/mcp"' in config


PREVIEW: Final = """
import json
from graph.recorder import record
from stacks.program import main
agent = {"namespace": "agents", "exposed": False, "port": 3001, "replicas": 2,
         "egress": {"hosts": ["api.openai.com:443"]},
         "secretEnv": {"OPENAI_API_KEY": "llm-secrets/openai-api-key"}}
servers = {f"role-{n}-agent": agent | {"image": f"registry.example.com/role-{n}:1.0.0"}
           for n in range(46)}
given = {"topology": "orchestration", "network": {"clients": ["10.0.0.0/8"]}, "servers": servers}
made = record(main, stack="dev", config={key: json.dumps(value) if key != "topology" else value
                                         for key, value in given.items()})
print(sum(one.type == "qudag-mcp:index:UserServer" for one in made.resources))
"""


@pytest.mark.slow
def test_fifty_agents_are_recorded_in_less_than_four_seconds_of_cpu_time():
    before = getrusage(RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", PREVIEW], cwd=ROOT, capture_output=True, text=True, check=True
    )
    after = getrusage(RUSAGE_CHILDREN)
    assert done.stdout == "50\n"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4
