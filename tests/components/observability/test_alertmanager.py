"""Alerts of each severity and team arrive where they should; a real Alertmanager shows it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml

from components.mcp.secret_key import SecretKey
from components.observability.alert_routes import (
    DEAD_MANS_SWITCH,
    INHIBITIONS,
    Alerting,
    Email,
    PagerDuty,
    Receiver,
    Slack,
    Webhook,
)
from components.observability.alertmanager import (
    TEXT,
    alertmanager_config,
    alertmanager_config_spec,
)
from components.observability.rules.alert import Severity, Team
from components.observability.rules.catalogue import every_alert
from components.observability.rules.options import RUNBOOKS
from tests.harness.server import fetch, free_port, until
from tools.programs_on_path import find


def key(name: str) -> SecretKey:
    return SecretKey(secret="alert-receivers", key=name)


ALERTING: Final = Alerting(
    receivers=[
        Receiver(name="on-call", channel=PagerDuty(key=key("pagerduty")), severities=["critical"]),
        Receiver(
            name="chat",
            channel=Slack(channel="#mcp-production-alerts", url=key("slack")),
            severities=["warning"],
        ),
        Receiver(
            name="data-mail",
            channel=Email(
                to="mcp-alerts@company.com",
                sender="alertmanager@company.com",
                smarthost="smtp.company.com:587",
                username="alertmanager",
                password=key("smtp"),
            ),
            teams=["data"],
        ),
        Receiver(
            name="security",
            channel=Webhook(url=key("security")),
            severities=["critical", "warning", "info"],
            teams=["security", "platform"],
        ),
    ],
    dead_mans_switch=key("switch"),
)
AMTOOL: Final = find("amtool")
ALERTMANAGER: Final = find("prometheus-alertmanager", "alertmanager")
needed = pytest.mark.skipif(
    AMTOOL is None or ALERTMANAGER is None, reason="needs Alertmanager: tools/programs unpacks it"
)


def expected(severity: str, team: str) -> list[str]:
    """Who is notified, written apart from the routes."""
    found = {"critical": ["on-call"], "warning": ["chat"]}.get(severity, [])
    if team == "data" and severity in ("critical", "warning"):
        found = [*found, "data-mail"]
    if team in ("security", "platform") and severity in ("critical", "warning", "info"):
        found = [*found, "security"]
    return found or ["nobody"]


def for_this_version(config: dict[str, Any], urls: Mapping[str, str]) -> dict[str, Any]:
    """The file as Debian's 0.25 can read it: it has no url_file, which came with 0.26."""
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", []):
            hook["url"] = urls[Path(hook.pop("url_file")).name]
    return config


@pytest.mark.slow
@needed
def test_each_severity_and_team_arrives_where_it_should(tmp_path: Path):
    file = tmp_path / "alertmanager.yaml"
    urls = {"security": "http://127.0.0.1:1/", "switch": "http://127.0.0.1:1/"}
    config = for_this_version(alertmanager_config(ALERTING, secrets=str(tmp_path)), urls)
    file.write_text(yaml.safe_dump(config))
    checked = subprocess.run(
        [str(AMTOOL), "check-config", file], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found: dict[tuple[str, str], list[str]] = {}
    pairs = list(itertools.product(get_args(Severity), get_args(Team)))
    for severity, team in pairs:
        ran = subprocess.run(
            [
                *(str(AMTOOL), "config", "routes", "test", f"--config.file={file}"),
                *("alertname=X", f"severity={severity}", f"team={team}", "namespace=mcp"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        found[severity, team] = ran.stdout.strip().split(",")
    assert found == {pair: expected(*pair) for pair in pairs}
    watchdog = subprocess.run(
        [
            *(str(AMTOOL), "config", "routes", "test", f"--config.file={file}"),
            *("alertname=Watchdog", "severity=none", "team=platform"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert watchdog.stdout.strip() == DEAD_MANS_SWITCH


@contextmanager
def taking_alerts() -> Generator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A webhook on loopback, and what it was sent: path and alert."""
    taken: list[tuple[str, dict[str, Any]]] = []

    def take(path: str, body: Any) -> None:
        taken.extend((path, alert) for alert in body["alerts"])

    with taking_posts(take) as url:
        yield url, taken


@contextmanager
def taking_posts(take: Callable[[str, Any], None]) -> Generator[str]:
    """A server on loopback; ``take`` gets the path and the JSON of each POST."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            take(self.path, json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def with_templates() -> list[str]:
    """Debian's build reads its templates from /usr/share, where an unpacked one has none."""
    if Path("/usr/share/prometheus/alertmanager/default.tmpl").exists():
        return []
    unpacked = Path(str(ALERTMANAGER)).parents[1] / "share"
    namespace = ["unshare", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a mount namespace, or an installed prometheus-alertmanager")
    begin = f'mount --bind {unpacked} /usr/share && exec "$@"'
    return [*namespace, "sh", "-c", begin, "alertmanager"]


@contextmanager
def alertmanager(folder: Path, config: dict[str, Any]) -> Generator[str]:
    """A real Alertmanager with this file; its URL."""
    file, port = folder / "alertmanager.yaml", free_port()
    # Tests do not wait for further alerts of a group.
    for route in config["route"]["routes"]:
        route["group_wait"] = "1s"
    file.write_text(yaml.safe_dump(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *with_templates(),
                *(str(ALERTMANAGER), f"--config.file={file}", f"--storage.path={folder / 'data'}"),
                *(f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="),
            ],
            stdout=log,
            stderr=log,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(url), 30)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def answers(url: str) -> bool:
    try:
        return fetch(f"{url}/-/ready").status_code == 200
    except Exception:  # it does not listen yet
        return False


def send(url: str, alerts: Sequence[Mapping[str, str]]) -> None:
    body = json.dumps([{"labels": dict(one)} for one in alerts]).encode()
    request = urllib.request.Request(
        f"{url}/api/v2/alerts", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def labels(name: str, **more: str) -> dict[str, str]:
    """As Prometheus sends an alert of the catalogue."""
    one = every_alert()[name]
    return {
        **{"alertname": name, "namespace": "mcp", "severity": one.severity, "team": one.team},
        **{"scope": one.scope, **more},
    }


@pytest.mark.slow
@needed
def test_a_real_alertmanager_tells_of_the_platform_and_mutes_its_servers(tmp_path: Path):
    everyone = Alerting(
        receivers=[Receiver(name="all", channel=Webhook(url=key("all")))],
        dead_mans_switch=key("switch"),
    )
    with taking_alerts() as (hook, taken):
        urls = {"all": f"{hook}/all", "switch": f"{hook}/switch"}
        config = for_this_version(alertmanager_config(everyone, secrets="/secrets"), urls)
        with alertmanager(tmp_path, config) as url:
            send(
                url,
                [
                    labels("Watchdog"),
                    labels("PlatformDown", job="mcp-gateway"),
                    labels("HighErrorRate", job="mcp-core"),
                    labels("AvailabilityBudgetBurnsFast", scope="platform"),
                    labels("DatabaseDown", pod="postgres-0"),
                    labels("DependencyDown", job="mcp-core", dependency="database"),
                    labels("GatewayMetricsLost"),
                    labels("HighErrorRate", job="mcp-core", namespace="other"),
                    labels("AvailabilityBudgetBurnsFast", scope="platform", namespace="other"),
                    labels("DependencyDown", job="b", dependency="database", namespace="other"),
                    labels("ServiceUnavailable", job="weather", namespace="third"),
                    labels("MCPServerDown", job="weather", pod="w-0", namespace="third"),
                    labels("MCPServerDown", job="time", pod="t-0", namespace="third"),
                ],
            )
            wanted = {
                ("/switch", "Watchdog", "mcp", ""),
                ("/all", "PlatformDown", "mcp", "mcp-gateway"),
                ("/all", "DatabaseDown", "mcp", ""),
                ("/all", "HighErrorRate", "other", "mcp-core"),
                ("/all", "AvailabilityBudgetBurnsFast", "other", ""),
                ("/all", "DependencyDown", "other", "b"),
                ("/all", "ServiceUnavailable", "third", "weather"),
                ("/all", "MCPServerDown", "third", "time"),
            }
            until(lambda: len(told(taken)) >= len(wanted), 30)
            assert told(taken) == wanted
            assert muted(url) == {
                ("HighErrorRate", "mcp"),
                ("AvailabilityBudgetBurnsFast", "mcp"),
                ("DependencyDown", "mcp"),
                ("MCPServerDown", "third"),
            }


FAST, SLOW = "AvailabilityBudgetBurnsFast", "AvailabilityBudgetBurnsSlowly"
QUICK, LATE = "LatencyBudgetBurnsFast", "LatencyBudgetBurnsSlowly"
A: Final = {"job": "a"}
OF_ROUTE: Final = {"scope": "platform", "route": "a"}
MUTED: Final[list[tuple[str, dict[str, str], str, dict[str, str]]]] = [
    ("PlatformDown", {}, "HighErrorRate", A),
    ("PlatformDown", {}, "GatewayPodDown", {"scope": "platform"}),
    ("PlatformDown", {}, "EndpointDown", {"scope": "platform"}),
    ("PlatformDown", {}, SLOW, OF_ROUTE),
    ("PlatformDown", {}, QUICK, {"scope": "platform"}),
    ("ServiceUnavailable", A, "MCPServerDown", {**A, "pod": "a-0"}),
    ("ServiceUnavailable", A, "MCPServiceDown", A),
    ("ServiceUnavailable", A, "DependencyDown", {**A, "dependency": "database"}),
    ("ServiceUnavailable", A, "HighErrorRate", A),
    ("DatabaseDown", {}, "DependencyDown", {**A, "dependency": "database"}),
    ("ValkeyDown", {}, "DependencyDown", {**A, "dependency": "redis"}),
    ("ValkeyDown", {}, "DependencyDown", {**A, "dependency": "sessions"}),
    (FAST, OF_ROUTE, SLOW, OF_ROUTE),
    (FAST, A, SLOW, A),
    (QUICK, OF_ROUTE, LATE, OF_ROUTE),
    (QUICK, A, LATE, A),
]
"""An alert, and another one that says nothing new while the first one fires."""
NOT_MUTED: Final[list[tuple[str, dict[str, str], str, dict[str, str]]]] = [
    ("PlatformDown", {}, "DatabaseDown", {}),
    ("PlatformDown", {}, "QuotaNearlyUsed", {}),
    ("ServiceUnavailable", A, "HighErrorRate", {"job": "b"}),
    ("ServiceUnavailable", A, SLOW, A),
    ("DatabaseDown", {}, "DependencyDown", {**A, "dependency": "redis"}),
    ("DatabaseDown", {}, "HighErrorRate", A),
    ("ValkeyDown", {}, "DependencyDown", {**A, "dependency": "database"}),
    (FAST, OF_ROUTE, SLOW, {**OF_ROUTE, "route": "b"}),
    (FAST, A, SLOW, {"job": "b"}),
    (FAST, {"scope": "platform"}, SLOW, {"scope": "server"}),
    (FAST, A, LATE, A),
    (QUICK, OF_ROUTE, LATE, {**OF_ROUTE, "route": "b"}),
]


@pytest.mark.slow
@needed
def test_a_real_alertmanager_mutes_what_says_nothing_new(tmp_path: Path):
    """Each pair in a namespace of its own."""
    pairs = [*MUTED, *NOT_MUTED]
    everyone = Alerting(receivers=[Receiver(name="all", channel=Webhook(url=key("all")))])
    with taking_alerts() as (hook, _):
        config = for_this_version(
            alertmanager_config(everyone, secrets="/secrets"), {"all": f"{hook}/all"}
        )
        with alertmanager(tmp_path, config) as url:
            alerts: list[dict[str, str]] = []
            for number, (name, more, other, others) in enumerate(pairs):
                where = {"namespace": f"pair-{number}"}
                alerts += [labels(name, **more, **where), labels(other, **others, **where)]
            send(url, alerts)
            wanted = {(pair[2], f"pair-{number}") for number, pair in enumerate(MUTED)}
            until(lambda: muted(url) >= wanted, 30)
            assert muted(url) == wanted


def muted(url: str) -> set[tuple[str, str]]:
    """Alerts that another one mutes, with their namespaces."""
    found = fetch(f"{url}/api/v2/alerts").json()
    return {
        (one["labels"]["alertname"], one["labels"]["namespace"])
        for one in found
        if one["status"]["inhibitedBy"]
    }


def told(taken: Sequence[tuple[str, dict[str, Any]]]) -> set[tuple[str, str, str, str]]:
    found = ((path, alert["labels"]) for path, alert in taken)
    return {(path, one["alertname"], one["namespace"], one.get("job", "")) for path, one in found}


PAGE: Final = "https://wiki.example.com/mcp-server-down.md"
COMMAND: Final = "kubectl -n mcp get configmap runbooks --output=jsonpath={.data.MCPServerDown}"


def notes_of(**options: str) -> dict[str, str]:
    """Those of an alert that Prometheus sends, without what it measured."""
    one = every_alert()["MCPServerDown"]
    given = {"runbooks": RUNBOOKS, "grafana": "https://grafana.example.com", **options}
    return one.rule(namespaces=["mcp"], **given)["annotations"]  # pyright: ignore[reportArgumentType]


RUNBOOK_OF_MESSAGES: Final[list[tuple[dict[str, str], str]]] = [
    ({"runbooks": "https://wiki.example.com", "runbooks_namespace": "mcp"}, PAGE),
    ({"runbooks": "https://wiki.example.com"}, PAGE),
    ({"runbooks_namespace": "mcp"}, COMMAND),
    ({}, "docs/runbooks/mcp-server-down.md"),
]


@needed
@pytest.mark.parametrize(("options", "runbook"), RUNBOOK_OF_MESSAGES)
def test_a_message_says_where_the_runbook_is(
    tmp_path: Path, options: Mapping[str, str], runbook: str
):
    """As amtool renders the text of Slack and of mail."""
    alert = {"labels": labels("MCPServerDown"), "annotations": notes_of(**options)}
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"status": "firing", "alerts": [alert]}))
    said = subprocess.run(
        [
            *(str(AMTOOL), "template", "render", f"--template.glob={tmp_path}/*.tmpl"),
            *(f"--template.data={data}", f"--template.text={TEXT}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    [found] = [line for line in said.stdout.splitlines() if line.startswith("Runbook: ")]
    assert found == f"Runbook: {runbook}"
    assert "<no value>" not in said.stdout


def test_every_message_of_people_has_that_text():
    file = alertmanager_config(ALERTING, secrets="")["receivers"]
    spec = alertmanager_config_spec(ALERTING)["receivers"]
    for form in (file, spec):
        texts = [
            one["text"]
            for receiver in form
            for kind, channels in receiver.items()
            if kind.lower().startswith(("slack", "email"))
            for one in channels
        ]
        assert texts == [TEXT, TEXT]


@pytest.mark.slow
@needed
def test_a_real_alertmanager_writes_the_command_to_slack(tmp_path: Path):
    """Without a URL of runbooks."""
    taken: list[Any] = []
    chat = Alerting(
        receivers=[Receiver(name="chat", channel=Slack(channel="#x", url=key("slack")))]
    )
    with taking_posts(lambda _, body: taken.append(body)) as hook:
        (tmp_path / "alert-receivers").mkdir()
        (tmp_path / "alert-receivers/slack").write_text(f"{hook}/slack")
        config = alertmanager_config(chat, secrets=str(tmp_path))
        with alertmanager(tmp_path, config) as url:
            one = {
                "labels": labels("MCPServerDown"),
                "annotations": notes_of(runbooks_namespace="mcp"),
            }
            body = json.dumps([one]).encode()
            request = urllib.request.Request(
                f"{url}/api/v2/alerts", body, {"content-type": "application/json"}
            )
            urllib.request.urlopen(request, timeout=5).close()
            until(lambda: bool(taken), 30)
    assert f"Runbook: {COMMAND}\n" in taken[0]["attachments"][0]["text"]


def test_no_secret_is_in_either_form():
    file = json.dumps(alertmanager_config(ALERTING, secrets="/etc/secrets"))
    assert '"url_file": "/etc/secrets/alert-receivers/security"' in file
    for plain in ('"url":', '"api_url":', '"routing_key":', '"auth_password":'):
        assert plain not in file
    spec = json.dumps(alertmanager_config_spec(ALERTING))
    assert '"urlSecret": {"name": "alert-receivers", "key": "switch"}' in spec
    assert '"url":' not in spec
    assert {one.key for one in ALERTING.secrets} == {
        *("pagerduty", "slack", "smtp", "security", "switch")
    }


def test_both_forms_have_the_same_routes_and_inhibitions():
    file = alertmanager_config(ALERTING, secrets="")
    spec = alertmanager_config_spec(ALERTING)

    def written(matchers: Sequence[Mapping[str, str]]) -> list[str]:
        return [f'{one["name"]}{one["matchType"]}"{one["value"]}"' for one in matchers]

    assert [(r["receiver"], r["matchers"]) for r in file["route"]["routes"]] == [
        (r["receiver"], written(r["matchers"])) for r in spec["route"]["routes"]
    ]
    assert [(r["source_matchers"], r["target_matchers"]) for r in file["inhibit_rules"]] == [
        (written(r["sourceMatch"]), written(r["targetMatch"])) for r in spec["inhibitRules"]
    ]
    assert [r["name"] for r in file["receivers"]] == [r["name"] for r in spec["receivers"]]


def test_an_inhibition_names_alerts_that_exist():
    named = {
        name
        for rule in INHIBITIONS
        for matcher in (*rule.source, *rule.target)
        if matcher.label == "alertname"
        for name in matcher.value.split("|")
    }
    assert named - {".*Budget.*"} <= every_alert().keys()
