"""What the rules of a stack watch."""

from __future__ import annotations

from typing import Any, Final

import pytest

from components.kubernetes.schedule import MACROS
from components.observability.rules import RuleOptions
from stacks.config.otlp_sink import OtlpSink
from stacks.config.validation import validate
from stacks.rule_options import hours_between, rule_options
from stacks.services import topology
from stacks.sink_flows import sink_port
from tests.stacks.test_backup import SECTION, VOLUMES


def options(**sections: Any) -> RuleOptions:
    network: dict[str, Any] = {"clients": ["10.0.0.0/8"], "prometheus": {}}
    made = {"network": network, **sections}
    config = validate(made, stack="dev")
    return rule_options(config, topology(config))


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [
        ("17 2 * * *", 24),
        ("*/5 * * * *", 24),
        ("0 4 * * 0", 168),
        ("0 4 1 * *", 744),
        ("0 4 1 1 *", 8784),
        ("0 30 2 * * 0", 168),  # of CloudNativePG, with seconds
        ("0 30 2 15 * *", 744),
        ("@weekly", 168),
        ("@daily", 24),
        ("@monthly", 744),
        ("@hourly", 24),
        ("@midnight", 24),
        ("@yearly", 8784),
        ("@annually", 8784),
    ],
)
def test_a_schedule_runs_at_least_once_in_these_hours(schedule: str, hours: int):
    assert hours_between(schedule) == hours


def test_every_macro_that_a_schedule_may_be_has_its_time():
    assert all(hours_between(macro) >= 24 for macro in MACROS)


def test_servers_have_the_limits_of_their_pods_and_those_of_images_export_nothing():
    servers = {"weather": {"image": "ghcr.io/acme/weather:1", "era": "legacy"}}
    found = {one.name: one for one in options(topology="three-services", servers=servers).servers}
    assert found["weather"].exports is False
    assert found["weather"].era == "legacy"
    exporting = [one for one in found.values() if one.exports]
    assert exporting
    assert all(one.cores and one.memory_bytes for one in exporting)


def test_only_nodes_with_peers_are_watched():
    assert options(topology="microservices").nodes == "qudag-integration"  # two of them
    alone = options(topology="microservices", scaling={"qudag-integration": {"replicas": 1}})
    assert alone.nodes is None


def test_stores_are_watched_where_something_exports_their_metrics():
    without = options(topology="microservices")
    assert (without.database, without.valkey) == (None, None)
    data = {"databaseExporter": True, "valkey": {"exporter": True}}
    both = options(topology="microservices", data=data)
    assert (both.database, both.valkey, both.valkey_replicas) == ("postgres-exporter", "redis", 0)


def test_another_gateway_has_no_exporter():
    images = {"gatewayEngine": "image"}
    assert options(topology="microservices", images=images).gateway is None
    assert options(topology="microservices").gateway == "mcp-gateway"


CLUSTER: Final[dict[str, Any]] = {
    "kubernetes": {"apiServer": ["10.96.0.1/32"]},
    "topology": "microservices",
}
ARCHIVE: Final[dict[str, Any]] = {
    "provider": "aws",
    "url": "s3://acme/pg",
    "identity": "arn:aws:iam::123456789012:role/pg",
    "networks": ["10.60.0.0/28"],
}


def cloudnative_pg(**settings: Any) -> dict[str, Any]:
    image = "ghcr.io/cloudnative-pg/postgresql:17.6"
    return {"kind": "cloudnative-pg", "cloudnativePg": {"image": image, **settings}}


def test_the_archive_of_cloudnative_pg_is_watched_without_the_section_backup():
    found = options(**CLUSTER, data=cloudnative_pg(backup=ARCHIVE))
    assert (found.base_backup_minutes, found.recovery_point_minutes) == (26 * 60, None)
    weekly = {**ARCHIVE, "schedule": "0 0 2 * * 0", "recoveryPointMinutes": 11_000}
    assert options(**CLUSTER, data=cloudnative_pg(backup=weekly)).base_backup_minutes == 11_000
    assert options(**CLUSTER, data=cloudnative_pg()).base_backup_minutes is None


def test_backups_of_volumes_alone_are_no_dumps_of_a_database():
    data = {**cloudnative_pg(backup=ARCHIVE), **VOLUMES["data"]}
    found = options(**CLUSTER, data=data, servers=VOLUMES["servers"], backup=SECTION)
    assert (found.recovery_point_minutes, found.drill_hours) == (None, None)
    embedded = options(topology="microservices", backup=SECTION)
    assert (embedded.recovery_point_minutes, embedded.drill_hours) == (1560, 168)


def test_the_first_pod_of_valkey_is_no_replica_of_itself():
    data = {"valkey": {"exporter": True, "replicas": 3}}
    assert options(topology="microservices", data=data).valkey_replicas == 2


def test_the_alert_on_drains_knows_how_long_a_pod_may_drain():
    """A call of the longest kind, and what the hops before the server add to it."""
    short = options(topology="monolith", protocol={"longestToolSeconds": 30})
    long = options(topology="monolith", protocol={"longestToolSeconds": 600})
    assert 30 < short.drain_seconds < 60
    assert 600 < long.drain_seconds < 660


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://traces.example.com", 443), ("https://traces.example.com:4318/otlp", 4318)],
)
def test_a_sink_without_a_port_is_reached_at_that_of_https(url: str, port: int):
    assert sink_port(OtlpSink.model_validate({"url": url, "networks": ["192.0.2.0/24"]})) == port


def test_overrides_and_labels_of_the_file_are_those_of_the_rules():
    changes = {"MCPServerDown": {"for": "10m"}, "HighErrorRate": {"severity": "warning"}}
    alerts = {"overrides": changes, "labels": {"cluster": "eu-1"}}
    found = options(topology="monolith", observability={"kind": "operator", "alerts": alerts})
    assert {name: (one.duration, one.severity) for name, one in found.overrides.items()} == {
        "MCPServerDown": ("10m", None),
        "HighErrorRate": (None, "warning"),
    }
    assert found.labels == {"cluster": "eu-1"}
