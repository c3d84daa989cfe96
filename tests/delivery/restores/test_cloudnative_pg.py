"""The manifests of a restore of CloudNativePG, made of a recorded stack's own Cluster."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import yaml

from components.base.problems import ProblemReport
from components.kubernetes import cloudnative_pg_policies as policies
from components.kubernetes.cloudnative_pg_backup import PLUGIN
from delivery.database_restore import Wanted
from delivery.restores import cloudnative_pg as restores
from graph.resource_graph import ResourceGraph
from tests.harness.graph_queries import objects
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded
from tests.stacks.test_cloudnative_pg import BACKUP

pytestmark = pytest.mark.slow
NOW = datetime(2026, 11, 29, 2, 30, 15, tzinfo=UTC)
TIME = "2026-11-28T02:00:00Z"
IMAGE = "ghcr.io/cloudnative-pg/postgresql:17.6"


@cache
def graph(section: str) -> ResourceGraph:
    return recorded(
        {
            "topology": "microservices",
            "network": NETWORK,
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "data": {"kind": "cloudnative-pg", "cloudnativePg": json.loads(section)},
        }
    )


def section(**changes: Any) -> dict[str, Any]:
    return {"image": IMAGE, "backup": BACKUP} | changes


def plan(given: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
    made = restores.cloudnative_pg_plan(
        graph(json.dumps(given)), {"cloudnativePg": given}, "prod", Wanted(**wanted), NOW
    )
    return [*yaml.safe_load_all(made.text())]


def cluster(given: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    (found,) = [each for each in plan(given, **wanted) if each["kind"] == "Cluster"]
    return found


def test_the_new_cluster_begins_with_the_archive_and_archives_to_a_folder_of_its_own():
    made = cluster(section(), before=TIME, database="restored")
    spec = made["spec"]
    assert made["metadata"]["name"] == "restored"
    assert spec["bootstrap"] == {
        "recovery": {
            "source": "archive",
            "database": "qudag_mcp",
            "owner": "qudag",
            "secret": {"name": "mcp-database-owner"},
            "recoveryTarget": {"targetTime": TIME},
        }
    }
    (source,) = spec["externalClusters"]
    parameters = {"barmanObjectName": "postgres-backups", "serverName": "postgres"}
    assert source == {"name": "archive", "plugin": {"name": PLUGIN, "parameters": parameters}}
    (archiver,) = spec["plugins"]
    assert archiver == {
        "name": PLUGIN,
        "isWALArchiver": True,
        "parameters": {**parameters, "serverName": "restored"},
    }


def test_without_a_time_everything_is_replayed():
    assert "recoveryTarget" not in cluster(section())["spec"]["bootstrap"]["recovery"]


def test_the_rest_of_the_cluster_is_the_live_ones_but_for_its_certificates():
    made = cluster(section())["spec"]
    (was,) = [each["spec"] for each in objects(graph(json.dumps(section())), "Cluster")]
    changed = {"bootstrap", "plugins", "externalClusters", "certificates"}
    assert {key: made[key] for key in made.keys() - changed} == {
        key: was[key] for key in was.keys() - changed
    }
    assert "certificates" not in made


def test_the_policies_of_the_new_cluster_select_its_pods_and_no_others():
    documents = plan(section(), database="restored")
    found = [each for each in documents if each["kind"] == "NetworkPolicy"]
    assert {each["metadata"]["name"] for each in found} == {"restored-servers", "restored-jobs"}
    for each in found:
        selected = each["spec"]["podSelector"]["matchLabels"]
        assert selected[restores.CLUSTER] == "restored"
        assert "postgres" not in json.dumps(each["spec"])


@pytest.mark.parametrize("pooler", [False, True])
def test_the_same_pods_connect_to_the_new_cluster_with_and_without_pgbouncer(pooler: bool):
    given = section(**({"pooler": {}} if pooler else {}))
    (servers,) = [each for each in plan(given) if each["metadata"]["name"].endswith("-servers")]
    clients = {
        peer["podSelector"]["matchLabels"].get("app")
        for rule in servers["spec"]["ingress"]
        if [port["port"] for port in rule["ports"]] == [5432]
        for peer in rule["from"]
    }
    assert clients == {"mcp-core", "mcp-state", "qudag-integration", "mcp-migration"}


def test_secrets_are_named_and_none_is_in_the_text():
    for each in plan(section()):
        assert each["kind"] in {"NetworkPolicy", "Cluster"}
        assert "[secret]" not in json.dumps(each)
        assert "[unknown]" not in json.dumps(each)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (section(), {"database": "postgres"}),
        (section(backup={**BACKUP, "serverName": "second"}), {"database": "second"}),
    ],
)
def test_the_live_cluster_and_its_folder_are_never_the_target(
    given: dict[str, Any], wanted: dict[str, Any]
):
    with pytest.raises(ProblemReport) as refused:
        plan(given, **wanted)
    assert [each.path for each in refused.value.problems] == ["--database"]


@pytest.mark.parametrize(("retention", "days"), [("2d", 2), ("2w", 14), ("2m", 62)])
def test_a_time_before_the_archive_is_refused(retention: str, days: int):
    given = section(backup={**BACKUP, "retention": retention})
    for hours, refused in ((-1, True), (1, False)):
        seconds = NOW.timestamp() - days * 86_400 + hours * 3600
        before = datetime.fromtimestamp(seconds, UTC).isoformat()
        if refused:
            with pytest.raises(ProblemReport):
                plan(given, before=before)
        else:
            assert plan(given, before=before)


def test_a_cluster_without_an_archive_is_refused():
    given = {"image": IMAGE}
    with pytest.raises(ProblemReport) as refused:
        plan(given)
    assert [each.path for each in refused.value.problems] == ["data.cloudnativePg.backup"]


def test_the_labels_are_those_of_the_components_policies():
    assert (restores.CLUSTER, restores.ROLE) == (policies.CLUSTER, policies.ROLE)
