"""Valkey with replicas in a namespace of its own: flows, Secrets, names, and who may log in."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any, Final

from graph.resource_graph import ResourceGraph
from runtime.redis_config import RedisSection
from stacks.topologies import TOPOLOGIES
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.network_policy_model import Endpoint, Enforcement
from tests.harness.topologies import recorded

ENGINE: Final = "orchestration-engine"
USERS: Final = {"exporter", "sentinel", "replication", ENGINE}
HOSTS: Final = [f"redis-{number}.redis-service.cache.svc" for number in range(3)]


@cache
def graph() -> ResourceGraph:
    given: dict[str, Any] = {
        "data": {"valkey": {"replicas": 3, "exporter": True}},
        "network": {"prometheus": {}},
        "kubernetes": {"namespaces": {"cache": "cache"}},
    }
    return recorded(TOPOLOGIES["orchestration"], given)


def of(workload: str) -> Pods:
    (found,) = [one for one in pods(graph()) if one.name == workload]
    return found


def test_replicas_sentinels_servers_and_prometheus_connect_and_nobody_else():
    cluster = Enforcement(objects(graph(), "NetworkPolicy"))
    place = graph().outputs["namespace"]
    everybody = {
        one.name: Endpoint.pod("cache" if one.name == "redis" else place, **one.labels)
        for one in pods(graph())
        if one.name in ("redis", "mcp-gateway", ENGINE, "database-migration")
    }
    everybody["prometheus"] = Endpoint.pod("monitoring", app="prometheus")
    ports = (22, 6379, 9090, 9121, 26379)
    assert {
        (name, port)
        for name, source in everybody.items()
        for port in ports
        if cluster.allows(source, everybody["redis"], "TCP", port)
    } == {
        *((ENGINE, 6379), (ENGINE, 26379), ("redis", 6379), ("redis", 26379)),
        ("prometheus", 9121),
    }


def test_a_server_asks_each_sentinel_under_its_own_name():
    (text,) = [
        each["data"]["server.toml"]
        for each in objects(graph(), "ConfigMap")
        if "[redis]" in each["data"].get("server.toml", "")
    ]
    redis = RedisSection.model_validate({"host": "of another file"} | tomllib.loads(text)["redis"])
    assert redis.sentinels == tuple(f"{host}:26379" for host in HOSTS)
    assert redis.user == ENGINE


def test_each_pod_has_a_certified_name_a_claim_and_a_place_of_its_own():
    required = {one["name"]: one for one in graph().outputs["required_secrets"]}
    assert set(HOSTS) < set(required["mcp-internal-tls-redis"]["dns_names"])
    claims = {one["metadata"]["name"] for one in objects(graph(), "PersistentVolumeClaim")}
    assert {f"data-redis-{number}" for number in range(3)} < claims
    (budget,) = [
        one["spec"]
        for one in objects(graph(), "PodDisruptionBudget")
        if one["metadata"]["name"] == "redis"
    ]
    assert budget["maxUnavailable"] == 1
    keys = [each["topologyKey"] for each in of("redis").spec["topologySpreadConstraints"]]
    assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]


def mounted(container: dict[str, Any], spec: dict[str, Any]) -> set[str]:
    """The Secrets of Valkey's users that a container mounts or has as a variable."""
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    files = (volumes.get(mount["name"], {}).get("secret") for mount in container["volumeMounts"])
    variables = (one.get("valueFrom", {}).get("secretKeyRef") for one in container["env"])
    names = {
        *(secret["secretName"] for secret in files if secret),
        *(key["name"] for key in variables if key),
    }
    return {name.removeprefix("mcp-valkey-") for name in names if name.startswith("mcp-valkey-")}


def test_a_password_is_where_it_is_checked_and_where_it_is_sent_and_nowhere_else():
    own = of("redis")
    had = {name: mounted(own.container(name), own.spec) for name in ("valkey", "sentinel")}
    assert had == {"valkey": USERS, "sentinel": USERS - {"exporter"}}
    assert mounted(own.container("exporter"), own.spec) == {"exporter"}
    others = {
        one.name: mounted(container, one.spec)
        for one in pods(graph())
        for container in one.containers
        if one.name != "redis" and mounted(container, one.spec)
    }
    assert others == {ENGINE: {ENGINE}}
    required = {
        (one["name"].removeprefix("mcp-valkey-"), one["namespace"])
        for one in graph().outputs["required_secrets"]
        if one["name"].startswith("mcp-valkey-")
    }
    place = graph().outputs["namespace"]
    assert required == {*((user, "cache") for user in USERS), (ENGINE, place)}
