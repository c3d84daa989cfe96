"""Alert rules on logs in Azure: queries, burn rates, windows, and the requests that they count."""

from __future__ import annotations

import re

import pytest

from components.azure.log_queries import UNCOUNTED, readable
from components.azure.monitored import (
    AzureMonitoredFunction,
)
from components.azure.monitoring_args import AzureMonitoringArgs
from components.azure.tokens import LOG_ALERT
from components.mcp.objectives import Objectives
from runtime.request_tracking import QUIET_ROUTES
from tests.harness.azure_monitoring import APP, GROUP, alert, name_of, query
from tests.harness.clouds import (
    AZURE,
)


def test_an_objective_burns_by_both_windows_of_either_pair():
    text = query("run-availability-burns-fast")
    # The Site Reliability Workbook, chapter 5, table 5-8, for 99.9 %.
    assert text.splitlines()[-1] == (
        "| where (bad_1h > 0.0144 * all_1h and bad_5m > 0.0144 * all_5m)"
        " or (bad_6h > 0.006 * all_6h and bad_30m > 0.006 * all_30m)"
    )
    counted = re.findall(
        r"bad_(\w+) = sumif\(requests, failed and TimeGenerated > ago\((\w+)\)", text
    )
    assert counted == [(window, window) for window in ("1h", "5m", "6h", "30m")]
    app = name_of("azure-native:app:ContainerApp", "run-app", "containerAppName")
    assert f'ContainerAppName =~ "{app}"' in text
    assert "@" not in text


def test_the_burn_over_three_days_is_left_out_because_a_query_reads_two():
    text = query("run-availability-burns-slowly")
    assert text.splitlines()[-1] == "| where (bad_1d > 0.003 * all_1d and bad_2h > 0.003 * all_2h)"
    windows = {w.name for burn in readable(Objectives()) for pair in burn.pairs for w in pair}
    assert windows == {"1h", "5m", "6h", "30m", "1d", "2h"}


@pytest.mark.parametrize(("percent", "refused"), [(66, True), (67, False)])
def test_an_objective_that_no_rule_can_alert_on_is_refused(percent: float, refused: bool):
    function = AzureMonitoredFunction(name="call", app=APP, workspace=APP, max_instances=40)
    args = AzureMonitoringArgs(
        location=AZURE,
        action_groups=[GROUP],
        functions=[function],
        objectives=Objectives(latency_percent=percent),
    )
    paths = [problem.path for problem in args.refusals()]
    assert paths == (["objectives.latency_percent"] if refused else [])


@pytest.mark.parametrize(
    ("role", "window", "every"),
    [
        ("run-availability-burns-fast", "PT6H", "PT5M"),
        ("run-latency-burns-slowly", "P1D", "PT15M"),
        ("call-availability-burns-fast", "PT6H", "PT5M"),
        ("call-instances", "PT30M", "PT5M"),
    ],
)
def test_a_log_alert_reads_its_longest_window_and_counts_rows(role: str, window: str, every: str):
    given = alert(LOG_ALERT, role)
    assert (given["windowSize"], given["evaluationFrequency"]) == (window, every)
    (criterion,) = given["criteria"]["allOf"]
    assert (criterion["timeAggregation"], criterion["operator"], criterion["threshold"]) == (
        "Count",
        "GreaterThan",
        0,
    )
    source = "run" if role.startswith("run") else "call"
    workspace = name_of(
        "azure-native:operationalinsights:Workspace", f"{source}-logs", "workspaceName"
    )
    (scope,) = given["scopes"]
    assert scope.endswith(f"/workspaces/{workspace}")


def test_slow_requests_are_those_above_the_objective():
    assert "slow = seconds > 2.5" in query("run-latency-burns-fast")
    assert "seconds = DurationMs / 1000.0" in query("call-latency-burns-fast")
    assert "bad_1h > 0.72 * all_1h" in query("run-latency-burns-fast")
    assert "sumif(requests, slow and" in query("run-latency-burns-fast")


def test_a_sampled_request_of_a_function_counts_for_those_that_it_stands_for():
    text = query("call-availability-burns-fast")
    assert text.startswith("AppRequests\n")
    assert "requests = ItemCount" in text
    site = name_of("azure-native:web:WebApp", "call-app", "name")
    assert f'AppRoleName =~ "{site}"' in text


def test_requests_of_the_platform_itself_are_not_counted():
    assert set(UNCOUNTED) == QUIET_ROUTES
    assert 'tostring(line.path) !in ("/health", "/ready")' in query("run-availability-burns-fast")
