"""Each alert has a runbook with the same outline, and commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from components.observability.rules.catalogue import every_alert
from tests.harness.source_documents.rendered import settings
from tools.docs import ROOT, verbs

FOLDER = ROOT / "docs/runbooks"
ALERTS = every_alert()
OUTLINE = ["Impact", "First three commands", "Causes", "Escalation"]
KUBECTL = {"get", "describe", "logs", "exec", "top", "create", "port-forward"}
"""Verbs of kubectl that runbooks use: they look at things, or start a job that would run anyway."""
KINDS = {
    *("pods", "events", "hpa", "networkpolicies", "persistentvolumeclaims", "resourcequota"),
    *("cronjobs", "jobs", "job", "secret", "secrets", "services", "rolebindings", "scaledobjects"),
    *("certificates", "certificaterequests", "externalsecrets", "clusters.postgresql.cnpg.io"),
    *("backups.postgresql.cnpg.io", "prometheusrules", "alertmanagerconfigs"),
    *("probes.monitoring.coreos.com", "configmap", "daemonset"),
}
"""Kinds that they ask for."""


def page_of(alert: str) -> Path:
    return FOLDER / f"{ALERTS[alert].page}.md"


def commands(page: Path) -> list[str]:
    (block,) = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    return block.splitlines()


def test_each_alert_has_a_page_and_each_page_an_alert():
    pages = {page.stem for page in FOLDER.glob("*.md")} - {"README"}
    assert pages == {one.page for one in ALERTS.values()}


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_has_the_outline(alert: str):
    text = page_of(alert).read_text()
    assert text.startswith(f"# {alert}\n\n")
    assert f"<!-- generated: alert {alert} -->" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == OUTLINE
    causes = text.split("## Causes\n\n")[1].split("\n\n## Escalation")[0].splitlines()
    assert causes
    assert all(cause.startswith("- ") and cause.endswith(".") for cause in causes)


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_has_three_commands_that_exist(alert: str):
    found = commands(page_of(alert))
    assert len(found) == 3
    for command in found:
        words = shlex.split(command.partition(" | ")[0].partition(" & ")[0])
        if words[0] == ".venv/bin/qudag-mcp":
            assert words[1] in verbs()
            continue
        assert words[0] == "kubectl"
        plain = [word for word in words[1:] if not word.startswith("-")]
        if words[1] == "-n":
            plain = plain[1:]
        verb, *rest = plain
        assert verb in KUBECTL | {"rollout"}, command
        if verb in ("get", "describe"):
            kinds = {one.partition("/")[0] for one in rest[0].split(",")}
            assert kinds <= KINDS, command
        if verb == "rollout":
            assert rest[0] == "history", command


def unknown_options(text: str) -> list[str]:
    """Options of the stack file that a page names and that do not exist."""
    known = settings()
    sections = {name.partition(".")[0] for name in known}
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    named = re.findall(r"`([a-zA-Z]+(?:\.(?:<\w+>|\w+))+)[^`]*`", prose)
    return [
        name
        for name in named
        if name.partition(".")[0] in sections
        and not any(f"{one}.".startswith(re.sub(r"<\w+>", "*", f"{name}.")) for one in known)
    ]


@pytest.mark.parametrize("alert", ALERTS)
def test_options_that_a_runbook_names_exist(alert: str):
    assert unknown_options(page_of(alert).read_text()) == []


def test_an_option_that_does_not_exist_is_found():
    said = "raise `scaling.<service>.maxReplicas`, not `scaling.<service>.max`, in `mcp.server`"
    assert unknown_options(said) == ["scaling.<service>.maxReplicas"]


@pytest.mark.parametrize("alert", ALERTS)
def test_a_runbook_changes_nothing_by_itself(alert: str):
    for command in commands(page_of(alert)):
        assert not re.search(r"\b(delete|apply|patch|edit|scale|restart|drop|update)\b", command)


@pytest.mark.parametrize("alert", [a for a, one in ALERTS.items() if one.severity == "critical"])
def test_a_critical_alert_says_when_to_call_whom(alert: str):
    assert "After 15 minutes" in page_of(alert).read_text().split("## Escalation")[1]
