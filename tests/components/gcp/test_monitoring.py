"""Alert policies and the dashboard on Google Cloud: queries, durations, and who is notified."""

from __future__ import annotations

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from components.gcp.alert_queries import most_connections, of_service
from components.gcp.container import CloudRun
from components.gcp.container_args import CloudRunArgs
from components.gcp.database import CloudSqlDataTier
from components.gcp.database_args import CloudSqlDataTierArgs
from components.gcp.monitoring import GcpMonitoring
from components.gcp.monitoring_args import GcpBudget, GcpMonitoringArgs
from components.mcp.cloud_alarms import CloudThresholds
from components.mcp.objectives import FAST, SLOW
from tests.harness import ResourceGraph, record
from tests.harness.clouds import GCP_PRIVATE, NAMED, cloud_config
from tools.programs_on_path import find

POLICY: Final = "gcp:monitoring/alertPolicy:AlertPolicy"
CHANNEL: Final = "projects/acme-prod/notificationChannels/1234567890123456789"
ACCOUNT: Final = "core@acme-prod.iam.gserviceaccount.com"
METRICS: Final = {
    # "Google Cloud metrics: P to Z", run
    "run_googleapis_com": {
        *("request_count", "request_latencies_bucket", "container_instance_count"),
        *("container_cpu_utilizations_bucket", "container_memory_utilizations_bucket"),
    },
    # "Google Cloud metrics: A to B ... C", cloudsql
    "cloudsql_googleapis_com": {
        *("database_cpu_utilization", "database_memory_utilization"),
        *("database_disk_utilization", "database_postgresql_num_backends"),
        "database_replication_replica_lag",
    },
    # Memorystore for Valkey, "Supported monitoring metrics"
    "memorystore_googleapis_com": {
        *("instance_memory_maximum_utilization", "instance_cpu_maximum_utilization"),
        "instance_stats_total_evicted_keys_count",
    },
}
"""Metrics by their domain, as Google documents them, in the spelling of PromQL."""


def program() -> None:
    image = "europe-docker.pkg.dev/acme-prod/mcp/server@sha256:" + "0" * 64
    run = CloudRun(
        "run",
        CloudRunArgs(
            location=GCP_PRIVATE,
            image=image,
            config=cloud_config(era="modern"),
            access=NAMED,
            max_instances=10,
        ),
    )
    data = CloudSqlDataTier(
        "data",
        CloudSqlDataTierArgs(
            location=GCP_PRIVATE,
            account=ACCOUNT,
            read_replica=True,
            database_machine="db-custom-2-7680",
        ),
    )
    GcpMonitoring(
        "alarms",
        GcpMonitoringArgs(
            location=GCP_PRIVATE,
            emails=["on-call@example.com"],
            channels=[CHANNEL],
            services=[run.monitored],
            databases=data.monitored_databases,
            caches=data.monitored_caches,
            budget=GcpBudget(
                billing_account="012345-6789AB-CDEF01", amount=500, labels={"stack": "prod"}
            ),
        ),
    )


@cache
def graph() -> ResourceGraph:
    return record(program)


def policy(role: str) -> dict[str, Any]:
    return graph().one(POLICY, name=f"alarms-{role}-alert").inputs


def query(role: str) -> str:
    (condition,) = policy(role)["conditions"]
    return condition["conditionPrometheusQueryLanguage"]["query"]


def queries() -> list[str]:
    conditions = [each for one in graph().all(POLICY) for each in one.inputs["conditions"]]
    given = (each.get("conditionPrometheusQueryLanguage") for each in conditions)
    return [each["query"] for each in given if each]


def test_an_objective_burns_by_both_windows_of_either_pair():
    service = graph().one("gcp:cloudrunv2/service:Service", name="run-service").inputs["name"]
    of = f'monitored_resource="cloud_run_revision",service_name="{service}"'
    text = query("run-availability-burns-fast")
    parts = re.findall(r"\[(\w+)\]\)\) > ([0-9.]+)", text)
    # The Site Reliability Workbook, chapter 5, table 5-8, for 99.9 %.
    assert parts == [("1h", "0.0144"), ("5m", "0.0144"), ("6h", "0.006"), ("30m", "0.006")]
    assert text.count(" and ") == 2
    assert text.count(" or ") == 1
    assert f'run_googleapis_com:request_count{{{of},response_code_class="5xx"}}[1h]' in text
    assert "@" not in text


def test_slow_requests_are_those_above_the_objective_in_milliseconds():
    # 72 % may be slow for 14.4 times 5 %: then the quantile of the other 28 % is above 2.5 s.
    text = query("run-latency-burns-fast")
    assert re.findall(r"histogram_quantile\(([0-9.]+),", text) == ["0.28", "0.28", "0.7", "0.7"]
    assert set(re.findall(r"> ([0-9.]+)", text)) == {"2500"}


def test_windows_are_those_of_the_rules_in_a_cluster():
    for burns, speed in ((FAST, "fast"), (SLOW, "slowly")):
        windows = re.findall(r"\[(\w+)\]\)\) > ", query(f"run-availability-burns-{speed}"))
        assert windows == [w for burn in burns for w in (burn.long, burn.short)]


@pytest.mark.parametrize(
    ("role", "bound", "minutes"),
    [
        # S3: above 80 % of a resource for 15 minutes; S4: above 90 % of the connections.
        ("run-cpu", "> 0.8", 15),
        ("run-memory", "> 0.8", 15),
        ("run-instances", ">= 8", 15),
        ("run-throttled", "> 1", 5),
        ("data-database-cpu", "> 0.8", 15),
        ("data-database-storage", "> 0.9", 15),
        ("data-database-connections", ">= 360", 5),
        ("data-replica-replication", "> 30", 5),
        ("data-cache-memory", "> 0.8", 15),
        ("data-cache-evictions", "> 0", 0),
    ],
)
def test_thresholds(role: str, bound: str, minutes: int):
    (condition,) = policy(role)["conditions"]
    given = condition["conditionPrometheusQueryLanguage"]
    assert given["query"].endswith(f" {bound}")
    assert given["duration"] == f"{minutes * 60}s"


def test_every_policy_notifies_the_address_and_the_channel():
    for one in graph().all(POLICY):
        mail, yours = one.inputs["notificationChannels"]
        assert yours == CHANNEL
        assert mail != CHANNEL
    (channel,) = graph().all("gcp:monitoring/notificationChannel:NotificationChannel")
    assert (channel.inputs["type"], channel.inputs["labels"]) == (
        "email",
        {"email_address": "on-call@example.com"},
    )


def test_what_burns_fast_and_lost_sessions_are_critical():
    critical = {one.name for one in graph().all(POLICY) if one.inputs["severity"] == "CRITICAL"}
    assert critical == {
        "alarms-run-availability-burns-fast-alert",
        "alarms-run-latency-burns-fast-alert",
        "alarms-data-cache-evictions-alert",
    }


def test_an_instance_that_ends_is_found_in_the_log_of_its_own_service():
    given = policy("run-failures")
    (condition,) = given["conditions"]
    service = graph().one("gcp:cloudrunv2/service:Service", name="run-service").inputs["name"]
    assert f'resource.labels.service_name="{service}"' in condition["conditionMatchedLog"]["filter"]
    # Required for conditions on logs (AlertPolicy, AlertStrategy).
    assert given["alertStrategy"]["notificationRateLimit"] == {"period": "900s"}


def board() -> dict[str, Any]:
    made = graph().one("gcp:monitoring/dashboard:Dashboard", name="alarms-dashboard")
    return json.loads(made.inputs["dashboardJson"])


def charts() -> list[dict[str, Any]]:
    tiles = board()["mosaicLayout"]["tiles"]
    return [tile["widget"]["xyChart"] for tile in tiles if "xyChart" in tile["widget"]]


def test_every_metric_is_documented():
    drawn = [each["timeSeriesQuery"]["prometheusQuery"] for c in charts() for each in c["dataSets"]]
    found = {
        (domain, metric)
        for text in (*queries(), *drawn)
        for domain, metric in re.findall(r"(\w+_googleapis_com):(\w+)\{", text)
    }
    assert {domain for domain, _ in found} == set(METRICS)
    assert [one for one in found if one[1] not in METRICS[one[0]]] == []


def test_tiles_do_not_overlap_and_stay_within_the_columns():
    layout = board()["mosaicLayout"]
    taken: set[tuple[int, int]] = set()
    for tile in layout["tiles"]:
        assert tile["xPos"] + tile["width"] <= layout["columns"] == 48
        cells = {
            (tile["xPos"] + dx, tile["yPos"] + dy)
            for dx in range(tile["width"])
            for dy in range(tile["height"])
        }
        assert not cells & taken, tile
        taken |= cells
    titles = [t["widget"]["title"] for t in layout["tiles"] if "text" in t["widget"]]
    assert titles == ["run", "data-database", "data-replica", "data-cache"]


def test_the_budget_counts_the_stack_and_tells_the_addresses():
    given = graph().one("gcp:billing/budget:Budget", name="alarms-budget").inputs
    assert given["billingAccount"] == "012345-6789AB-CDEF01"
    assert given["budgetFilter"] == {
        "projects": ["projects/acme-prod"],
        "labels": {"stack": "prod"},
    }
    assert given["amount"] == {"specifiedAmount": {"units": "500"}}
    # A budget notifies addresses only (Budget API, NotificationsRule).
    assert CHANNEL not in given["allUpdatesRule"]["monitoringNotificationChannels"]
    assert [rule["spendBasis"] for rule in given["thresholdRules"]] == [
        "CURRENT_SPEND",
        "FORECASTED_SPEND",
    ]


@pytest.mark.parametrize(
    ("machine", "accepted"),
    [
        # Cloud SQL for PostgreSQL, "Configure database flags", max_connections
        ("db-custom-1-3840", 100),
        ("db-custom-2-7680", 400),
        ("db-custom-4-15360", 500),
        ("db-custom-8-30720", 600),
        ("db-custom-32-122880", 1000),
        ("db-f1-micro", None),
    ],
)
def test_connections_of_a_tier(machine: str, accepted: int | None):
    assert most_connections(machine) == accepted


def test_a_channel_of_another_project_is_refused():
    channel = "projects/other-project/notificationChannels/1"
    args = GcpMonitoringArgs(location=GCP_PRIVATE, channels=[channel], services=[])
    with pytest.raises(ProblemReport) as report:
        record(lambda: GcpMonitoring("alarms", args))
    paths = [problem.path for problem in report.value.problems]
    assert paths == ["alarms.services", "alarms.channels[0]"]


PROMTOOL: Final = find("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="needs promtool: tools/programs unpacks it"
)


def promtool(*arguments: str) -> str:
    """The output of promtool, which must succeed."""
    run = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def rule_file(folder: Path, rules: dict[str, str]) -> str:
    """A rule file with an alert for each query."""
    file = folder / "rules.json"
    written = [{"alert": name, "expr": text} for name, text in rules.items()]
    file.write_text(json.dumps({"groups": [{"name": "alarms", "rules": written}]}))
    return str(file)


@pytest.mark.slow
@needs_promtool
def test_promtool_accepts_every_query(tmp_path: Path):
    drawn = [each["timeSeriesQuery"]["prometheusQuery"] for c in charts() for each in c["dataSets"]]
    every = {f"Q{number}": text for number, text in enumerate([*queries(), *drawn])}
    assert len(every) >= 40
    assert f"{len(every)} rules found" in promtool("check", "rules", rule_file(tmp_path, every))


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize(
    ("failed", "fires"),
    # Of 1,000 requests a minute: 14.4 a minute are the burn rate of 14.4 for 99.9 %, 6 that of 6.
    [(20, True), (15, True), (10, True), (5, False), (0, False)],
)
def test_an_objective_burns_at_the_workbooks_rates(tmp_path: Path, failed: int, fires: bool):
    service = graph().one("gcp:cloudrunv2/service:Service", name="run-service").inputs["name"]
    of = f'monitored_resource="cloud_run_revision",service_name="{service}"'
    counters = {"2xx": 1000 - failed, "5xx": failed}
    rules = rule_file(tmp_path, {"Burns": query("run-availability-burns-fast")})
    case: dict[str, Any] = {
        "interval": "1m",
        "input_series": [
            {
                "series": f'run_googleapis_com:request_count{{{of},response_code_class="{code}"}}',
                "values": f"0+{count}x420",
            }
            for code, count in counters.items()
        ],
        "alert_rule_test": [
            {
                "eval_time": "7h",
                "alertname": "Burns",
                "exp_alerts": [{"exp_labels": {}}] if fires else [],
            }
        ],
    }
    file = tmp_path / "tests.json"
    file.write_text(json.dumps({"rule_files": [rules], "tests": [case]}))
    promtool("test", "rules", str(file))


@pytest.mark.parametrize(("least", "most", "told"), [(0, 10, True), (7, 10, True), (8, 10, False),
                                                      (0, 1, False), (0, 2, True)])  # fmt: skip
def test_no_alert_fires_at_the_least_number_of_instances(least: int, most: int, told: bool):
    roles = [one.role for one in of_service("weather", least, most, CloudThresholds())]
    assert ("instances" in roles) is told
