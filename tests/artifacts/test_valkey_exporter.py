"""The real exporter reads a real Valkey as a user that may read no key."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.valkey_args import ValkeySettings
from components.kubernetes.valkey_exporter import ValkeyExporter
from components.kubernetes.valkey_users import ValkeyUser
from components.mcp.metrics import exported_by
from tests.artifacts.test_valkey import secrets, started
from tests.harness import programs, record
from tests.harness.certificates import Authority
from tests.harness.exported_metrics import scraped, value
from tests.harness.minimal_args import data_tier
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until


@pytest.mark.slow
def test_the_exporter_reads_valkey_with_its_own_user_and_exports_what_the_list_says(
    tmp_path: Path, authority: Authority
):
    programs.required("redis_exporter", "prometheus-redis-exporter")
    programs.required("valkey-server", "redis-server")
    exporter = ValkeyExporter(image="example.com/exporter:1", secret="mcp-valkey-exporter")
    users = [ValkeyUser(name="mcp-server", secret="mcp-valkey-mcp-server")]
    args = data_tier(valkey=ValkeySettings(users=users, exporter=exporter))
    graph = record(lambda: EmbeddedDataTier("data", args))
    known = secrets(authority) | {"mcp-valkey-exporter": {"password": "that of the exporter"}}
    pod = Pod.recorded(graph, "redis", tmp_path, known)
    with private_network(), started(pod), run_container(pod, "exporter", ["redis_exporter"]):
        url = f"http://127.0.0.1:{port(9121)}/metrics"
        until(lambda: answers(url))
        text = httpx2.get(url).text
    found = scraped(text)
    listed = exported_by("valkey")
    kinds = {name: found[name][0] for name in listed if name in found}
    assert kinds == {name: one.kind for name, one in listed.items()}
    assert value(text, "redis_up") == 1
    assert value(text, "redis_memory_max_bytes") == 256 * 1024**2


def answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.TransportError:
        return False
