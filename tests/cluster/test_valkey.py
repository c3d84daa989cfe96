"""The API server admits Valkey alone, and with replicas, Sentinels and an exporter."""

from __future__ import annotations

import re

import pytest

from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.valkey_args import ValkeySettings
from components.kubernetes.valkey_exporter import ValkeyExporter
from components.kubernetes.valkey_users import ValkeyUser
from tests.harness.apiserver import ApiServer, documents
from tests.harness.containers import ROOT
from tests.harness.minimal_args import data_tier

NAMESPACE = "valkeys"
USERS = [ValkeyUser(name="mcp-core", secret="mcp-valkey-mcp-core")]
SETTINGS = {
    "shared": ValkeySettings(),
    "users": ValkeySettings(users=USERS, shared_password=True),
    "replicas": ValkeySettings(
        users=USERS,
        replicas=3,
        replication_secret="mcp-valkey-replication",
        sentinel_secret="mcp-valkey-sentinel",
        ca_secret="mcp-internal-ca",
        exporter=ValkeyExporter(image="example.com/exporter:1", secret="mcp-valkey-exporter"),
    ),
}


def program() -> None:
    for name, settings in SETTINGS.items():
        namespace = f"{NAMESPACE}-{name}"
        LockedNamespace(name, LockedNamespaceArgs(name=namespace))
        EmbeddedDataTier(f"data-{name}", data_tier(namespace=namespace, valkey=settings))


@pytest.fixture(scope="module")
def applied(api_server: ApiServer) -> ApiServer:
    first = api_server.apply(documents(program))
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    return api_server


def test_a_second_apply_changes_nothing(applied: ApiServer):
    assert applied.differences(documents(program)) == ""


def test_replicas_have_a_budget_a_name_each_and_a_claim_each(applied: ApiServer):
    shown = applied.kubectl(
        "get",
        f"-n={NAMESPACE}-replicas",
        "--output=jsonpath={.spec.clusterIP} {.spec.ports[*].port}",
        "service/redis-service",
    )
    assert shown.stdout == "None 6379 26379", shown.stderr
    listed = applied.kubectl(
        "get", f"-n={NAMESPACE}-replicas", "--output=name", "poddisruptionbudget,pvc"
    )
    assert set(listed.stdout.split()) >= {
        "poddisruptionbudget.policy/redis",
        *(f"persistentvolumeclaim/data-redis-{number}" for number in range(3)),
    }


GROWN = "valkeys-grown"
PAGE = ROOT / "docs/how-to/fail-over-valkey.md"


def grown(settings: ValkeySettings) -> str:
    def of_one_namespace() -> None:
        LockedNamespace("grown", LockedNamespaceArgs(name=GROWN))
        EmbeddedDataTier("data-grown", data_tier(namespace=GROWN, valkey=settings))

    return documents(of_one_namespace)


def test_one_pod_becomes_three_with_the_documented_command_and_keeps_its_volume(
    api_server: ApiServer,
):
    one, three = (grown(SETTINGS[name]) for name in ("users", "replicas"))
    assert api_server.apply(one).returncode == 0
    claim = ("get", f"-n={GROWN}", "--output=jsonpath={.metadata.uid}", "pvc/data-redis-0")
    before = api_server.kubectl(*claim).stdout
    assert before
    refused = api_server.apply(three)
    assert refused.returncode != 0
    assert "spec.clusterIPs" in refused.stderr
    (command,) = re.findall(r"kubectl .* (delete service \S+)$", PAGE.read_text(), re.MULTILINE)
    deleted = api_server.kubectl(f"-n={GROWN}", *command.split())
    assert deleted.returncode == 0, deleted.stderr
    changed = api_server.apply(three)
    assert changed.returncode == 0, changed.stderr
    assert api_server.differences(three) == ""
    assert api_server.kubectl(*claim).stdout == before
    shown = api_server.kubectl(
        *("get", f"-n={GROWN}", "--output=jsonpath={.spec.replicas} {.spec.serviceName}"),
        "statefulset/redis",
    )
    assert shown.stdout == "3 redis-service", shown.stderr
