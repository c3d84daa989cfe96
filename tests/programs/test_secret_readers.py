"""Who mounts each Secret of a stack, and what takes a new value up.

The page docs/how-to/rotate-secrets.md says the same in words. A container that is not in the table,
or that reads a value otherwise, fails here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.containers import ROOT
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded
from tests.stacks.test_backup import SECTION

pytestmark = pytest.mark.slow


@cache
def stack() -> ResourceGraph:
    """A stack with everything that mounts a Secret."""
    return recorded(
        {
            "topology": "microservices",
            "network": NETWORK,
            "audit": {"enabled": True},
            "backup": SECTION,
            "data": {
                "databaseExporter": True,
                "valkey": {"exporter": True, "replicas": 3},
            },
            "servers": {
                "weather": {
                    "image": "ghcr.io/acme/weather:1",
                    "uses": ["postgres", "redis"],
                    "secretEnv": {"API_KEY": "llm-credentials/api-key"},
                }
            },
            "kubernetes": {"pods": {"imagePullSecrets": ["registry-login"]}},
        }
    )


ITSELF: Final = "reads the new value while it runs"
RESTART: Final = "needs a restart"
SERVER: Final = "a server of the stack"
READS: Final[dict[tuple[str, str], str]] = {
    ("mcp-server-secrets", SERVER): ITSELF,
    ("mcp-server-secrets", "postgres"): ITSELF,
    ("mcp-server-secrets", "weather/server"): RESTART,
    ("mcp-postgres-exporter", "postgres"): ITSELF,
    ("mcp-valkey-<service>", SERVER): ITSELF,
    ("mcp-valkey-<service>", "redis/valkey"): ITSELF,
    ("mcp-valkey-<service>", "redis/sentinel"): ITSELF,
    ("mcp-valkey-<service>", "weather/server"): RESTART,
    ("mcp-valkey-replication", "redis/valkey"): ITSELF,
    ("mcp-valkey-replication", "redis/sentinel"): ITSELF,
    ("mcp-valkey-sentinel", "redis/valkey"): ITSELF,
    ("mcp-valkey-sentinel", "redis/sentinel"): ITSELF,
    ("mcp-valkey-exporter", "redis/valkey"): ITSELF,
    ("mcp-valkey-exporter", "redis/exporter"): RESTART,
    ("mcp-tls-secret", "mcp-gateway"): ITSELF,
    ("mcp-internal-tls-<service>", SERVER): ITSELF,
    ("mcp-internal-tls-<service>", "weather/tls"): ITSELF,
    ("mcp-internal-tls-<service>", "postgres"): RESTART,
    ("mcp-internal-tls-<service>", "redis/valkey"): RESTART,
    ("mcp-internal-tls-<service>", "redis/sentinel"): RESTART,
    ("mcp-internal-ca", "mcp-gateway"): ITSELF,
    ("mcp-internal-ca", SERVER): RESTART,
    ("mcp-internal-ca", "weather/server"): RESTART,
    ("mcp-internal-ca", "redis/valkey"): RESTART,
    ("mcp-internal-ca", "redis/sentinel"): RESTART,
    ("mcp-user-keys", SERVER): ITSELF,
    ("mcp-issuer-keys", SERVER): ITSELF,
    ("llm-credentials", "weather/server"): RESTART,
    ("registry-login", "kubelet"): ITSELF,
}
"""What becomes of a new value. Pods of Jobs read it when they start, and are not listed. The tests
of tests/artifacts and tests/runtime rotate what is read by a running program."""
ROWS: Final = {
    "mcp-server-secrets": "`database-password`",
    "llm-credentials": "those of `secretEnv`",
    "registry-login": "those of `imagePullSecrets`",
}
"""The first cell in the documentation, where it is not the Secret's name."""
CONSUMERS: Final = {
    SERVER: "servers",
    "postgres": "PostgreSQL",
    "redis/valkey": "Valkey",
    "redis/sentinel": "Valkey",
    "redis/exporter": "Valkey",
    "mcp-gateway": "gateway",
    "weather/server": "server",
    "weather/tls": "nginx in the pod of a server",
    "kubelet": "kubelet",
}
"""A word of the second cell."""
USERS: Final = ("mcp-core", "mcp-state", "weather")


def pods(graph: ResourceGraph) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each Deployment and StatefulSet with the specification of its pods."""
    for kind in ("Deployment", "StatefulSet"):
        for resource in graph.all(f"kubernetes:apps/v1:{kind}"):
            yield resource.inputs["metadata"]["name"], resource.inputs["spec"]["template"]["spec"]


def secret_row(name: str) -> str:
    """The name in the table: one row for the Secrets of all services."""
    for prefix in ("mcp-internal-tls", "mcp-valkey"):
        service = name.removeprefix(f"{prefix}-")
        if service != name and (prefix == "mcp-internal-tls" or service in USERS):
            return f"{prefix}-<service>"
    return name


def reader(workload: str, container: str) -> str:
    if workload != container:
        return f"{workload}/{container}"
    return workload if workload in ("postgres", "mcp-gateway") else SERVER


def mounted(graph: ResourceGraph) -> dict[tuple[str, str], set[str]]:
    """By Secret and reader, the ways in which it gets the value."""
    found: dict[tuple[str, str], set[str]] = {}
    for workload, spec in pods(graph):
        volumes = {v["name"]: v["secret"] for v in spec.get("volumes", []) if "secret" in v}
        for container in (*spec.get("initContainers", []), *spec["containers"]):
            who = reader(workload, container["name"])
            for mount in container.get("volumeMounts", []):
                if secret := volumes.get(mount["name"]):
                    found.setdefault((secret_row(secret["secretName"]), who), set()).add("file")
            for entry in container.get("env", []):
                if ref := entry.get("valueFrom", {}).get("secretKeyRef"):
                    found.setdefault((secret_row(ref["name"]), who), set()).add("variable")
        for pull in spec.get("imagePullSecrets", []):
            found.setdefault((pull["name"], "kubelet"), set()).add("pull")
    return found


def documented() -> dict[str, list[tuple[str, str]]]:
    """The table of the page: by its first cell, the consumers and what they do."""
    text = (ROOT / "docs/how-to/rotate-secrets.md").read_text()
    section = text.partition("## What reads a new value")[2].partition("\n## ")[0]
    rows: dict[str, list[tuple[str, str]]] = {}
    first = ""
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not cells[0].startswith(("Secret", "--")):
            first = cells[0] or first
            rows.setdefault(first, []).append((cells[1], cells[2]))
    return rows


def test_every_container_that_gets_a_secret_is_in_the_table():
    assert set(mounted(stack())) == set(READS)


def test_a_variable_is_read_at_the_start_alone():
    ways = mounted(stack())
    variables = {each for each, how in ways.items() if "variable" in how}
    assert {READS[each] for each in variables} == {RESTART}


@pytest.mark.parametrize(("secret", "who"), READS)
def test_the_page_says_what_becomes_of_a_new_value(secret: str, who: str):
    cell = ROWS.get(secret, f"`{secret}`")
    rows = [row for first, rows in documented().items() if cell in first for row in rows]
    said = [what for consumer, what in rows if CONSUMERS[who] in consumer]
    assert said, f"no row for {who} at {cell}"
    wanted = READS[secret, who] == RESTART
    assert any(("restart" in what) == wanted for what in said), said
