"""The pages of all alerts, as they are deployed and as the command prints them."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from components.observability.rules.catalogue import (
    FULL_PLATFORM,
    FULL_PLATFORM_WITH_CLOUDNATIVE_PG,
    every_alert,
)
from components.observability.rules.options import MonitoredServer, RuleOptions
from components.observability.runbook_text import RunbookNames, folder, pages, runbook_texts
from delivery.cli import app

BOTH = [FULL_PLATFORM, FULL_PLATFORM_WITH_CLOUDNATIVE_PG]


def printed(*words: str) -> tuple[int, str]:
    """Exit status and output of ``qudag-mcp runbook``."""
    done = CliRunner().invoke(app, ["runbook", *words])
    return done.exit_code, done.output


@pytest.mark.parametrize("options", BOTH, ids=["embedded", "cloudnative-pg"])
def test_all_pages_fit_into_a_config_map_that_kubectl_apply_accepts(options: object):
    assert options in BOTH
    texts = runbook_texts(
        FULL_PLATFORM if options is FULL_PLATFORM else FULL_PLATFORM_WITH_CLOUDNATIVE_PG,
        RunbookNames(),
    )
    assert sum(len(text.encode()) for text in texts.values()) < 256 * 1024


def test_every_alert_has_a_page_in_the_package():
    assert set(pages()) == set(every_alert())


def test_workloads_are_asked_in_their_own_namespaces():
    names = RunbookNames(
        stack="blue",
        namespaces={"redis": "cache", "log-collector": "logs", "developer-agent": "mcp-agents"},
        places={"logs": "everything"},
    )
    texts = runbook_texts(FULL_PLATFORM, names)
    assert "kubectl -n cache get pods -l app=redis" in texts["ValkeyDown"]
    assert "kubectl -n cache get persistentvolumeclaims" in texts["ValkeyDown"]
    assert "kubectl -n logs logs -l app=log-collector" in texts["LogQueueFilling"]
    assert "kubectl -n logs get pods -l app=log-collector" in texts["LogQueueFilling"]
    assert "kubectl -n everything get pods -o wide" in texts["LogLinesDropped"]
    assert "diagnose --stack blue" in texts["LogQueueFilling"]
    assert "kubectl -n mcp logs -l app=engine" in texts["MCPServerDown"]
    assert "kubectl -n mcp-agents" in texts["AgentResponseTimeTooHigh"]


def test_the_volume_of_the_traces_is_looked_for_where_jaeger_is():
    """Its page asks for the volumes first, before any command names a workload."""
    options = RuleOptions(namespace="mcp", trace_store="trace-store", trace_store_bytes=1024**3)
    names = RunbookNames(
        places={"monitoring": "mcp-monitoring"}, namespaces={"trace-store": "mcp-monitoring"}
    )
    page = runbook_texts(options, names)["TraceStoreFilling"]
    assert "kubectl -n mcp-monitoring get persistentvolumeclaims" in page
    assert "kubectl -n mcp get" not in page


def test_a_server_with_the_name_of_an_example_is_not_replaced_by_another():
    servers = (MonitoredServer(name="weather"), MonitoredServer(name="model", image_metrics=True))
    options = RuleOptions(namespace="mcp", servers=servers)
    texts = runbook_texts(options, RunbookNames())
    assert "get pods -l app=weather -o wide" in texts["MCPServerDown"]
    assert "get pods -l app=model -o wide" in texts["ImageMetricsMissing"]


def test_the_command_prints_a_page_by_the_name_of_its_alert_or_of_its_file():
    page = (folder() / "mcp-server-down.md").read_text()
    commands = page.partition("```sh\n")[2].partition("```")[0]
    for name in ("MCPServerDown", "mcpserverdown", "mcp-server-down", "mcp-server-down.md"):
        status, said = printed(name)
        assert status == 0
        assert said.startswith("# MCPServerDown\n")
        assert commands in said
        assert "If there are none, ServiceUnavailable fires too." in said
        assert "see Roll back (docs/how-to/roll-back.md)" in said
        assert not re.search(r"<!--|\]\(", said)


def test_the_command_lists_every_alert_with_what_has_happened():
    status, said = printed()
    assert status == 0
    assert [line.partition(": ")[0] for line in said.splitlines()] == sorted(pages())
    assert "ValkeyDown: The exporter of Valkey does not answer, or cannot log in." in said


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("MCPServerDwn", "write MCPServerDown"),
        ("ValkeyDwon", "ValkeyDown"),
        ("xyz", "qudag-mcp runbook lists the names"),
        ("README", "qudag-mcp runbook lists the names"),
        ("../how-to/alert", "qudag-mcp runbook lists the names"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, fix: str):
    status, said = printed(name)
    assert status == 1
    assert "is not the name of an alert" in said
    assert fix in said
