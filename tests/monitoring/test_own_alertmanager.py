"""A real Prometheus tells a real Alertmanager, which tells receivers, with a stack's own files.

Both serve TLS with certificates of one authority. Receivers are servers of this machine: the
Secret's files have their URLs.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import httpx2
import pytest

from components.mcp.metrics import Exporter, exported_by
from tests.harness.apiserver import ROOT
from tests.harness.certificates import Authority
from tests.harness.graph_queries import objects
from tests.harness.server import free_port, until
from tests.harness.user_servers import NETWORK, recorded

MONITORING: Final = "qudag-mcp-dev-monitoring"
TEAMS: Final = ("platform", "servers", "data", "security")
ALERTS: Final = {
    "receivers": [
        {
            "name": "on-call",
            "webhook": {"url": {"secret": "told", "key": "on-call"}},
            "severities": ["critical"],
        },
        {
            "name": "chat",
            "webhook": {"url": {"secret": "told", "key": "chat"}},
            "severities": ["warning"],
        },
        {
            "name": "data",
            "webhook": {"url": {"secret": "told", "key": "data"}},
            "teams": ["data"],
        },
    ],
    "deadMansSwitch": {"url": {"secret": "told", "key": "switch"}},
}
FIRING: Final = (
    *(
        (f"{severity}-{team}", severity, team, "store")
        for severity in ("critical", "warning")
        for team in TEAMS
    ),
    ("info-servers", "info", "servers", "store"),
    ("PlatformDown", "critical", "platform", "platform"),
    ("OfAServer", "critical", "servers", "server"),
)
"""Alerts that always fire: name, severity, team and scope."""


def expected(receiver: str) -> set[str]:
    """Who is notified of what, written apart from the routes."""
    told = {
        "on-call": {name for name, severity, *_ in FIRING if severity == "critical"},
        "chat": {name for name, severity, *_ in FIRING if severity == "warning"},
        "data": {
            name for name, severity, team, _ in FIRING if team == "data" and severity != "info"
        },
        "switch": {"Watchdog"},
    }
    return told[receiver] - {"OfAServer"}  # muted: the platform is down


@dataclass
class Receivers:
    """What arrived, by the path of the URL."""

    told: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def serve(self, port: int) -> ThreadingHTTPServer:
        told = self.told

        class Webhook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                names = {one["labels"]["alertname"] for one in body["alerts"]}
                told.setdefault(self.path.strip("/"), set()).update(names)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        return ThreadingHTTPServer(("127.0.0.1", port), Webhook)


@pytest.fixture(scope="module")
def alerting_programs() -> Path:
    build = ROOT / "tools/alertmanager/build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"Alertmanager is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, str]]:
    """The files of a stack's own Prometheus and Alertmanager, by ConfigMap."""
    graph = recorded(
        {
            "topology": "monolith",
            "network": {k: v for k, v in NETWORK.items() if k != "prometheus"},
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "observability": {
                "kind": "standalone",
                "alerts": ALERTS,
                "standalone": {"alertmanager": {"egress": {"networks": ["127.0.0.1/32:80"]}}},
            },
        }
    )
    return {
        one["metadata"]["name"]: one["data"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"] in ("prometheus-config", "alertmanager-config")
    }


def test_amtool_accepts_the_file_as_it_is_in_the_pod(
    alerting_programs: Path, files: dict[str, dict[str, str]], tmp_path: Path
):
    written = tmp_path / "alertmanager.yml"
    written.write_text(files["alertmanager-config"]["alertmanager.yml"])
    command = [alerting_programs / "amtool", "check-config", written]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "5 receivers" in checked.stdout


@dataclass(frozen=True)
class Running:
    """Prometheus and Alertmanager of a stack, and what receivers were told.

    Attributes:
        ports: of both, by name.
    """

    told: dict[str, set[str]]
    ports: dict[str, int]
    authority: Authority

    def metrics(self, program: str) -> str:
        """The page of metrics of one of them."""
        trusted = ssl.create_default_context(cafile=self.authority.ca_file)
        trusted.check_hostname = False  # it is for the name of the Service
        return httpx2.get(f"https://127.0.0.1:{self.ports[program]}/metrics", verify=trusted).text


@pytest.fixture(scope="module")
def told(alerting: Running) -> dict[str, set[str]]:
    """What each receiver was told."""
    return alerting.told


@pytest.fixture(scope="module")
def alerting(
    built: Path,
    alerting_programs: Path,
    files: dict[str, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Running]:
    folder = tmp_path_factory.mktemp("alerting")
    authority = Authority.at(folder)
    sent, manager, prometheus = free_port(), free_port(), free_port()
    receivers = Receivers()
    with ExitStack() as running:
        listening = running.enter_context(receivers.serve(sent))
        listening.daemon_threads = True
        Thread(target=listening.serve_forever, daemon=True).start()
        running.callback(listening.shutdown)
        secrets = folder / "secrets" / "told"
        secrets.mkdir(parents=True)
        for name in ("on-call", "chat", "data", "switch"):
            (secrets / name).write_text(f"http://127.0.0.1:{sent}/{name}")
        for name, port in (("alertmanager", manager), ("prometheus", prometheus)):
            _place(folder / name, name, files[f"{name}-config"], authority, manager)
            running.enter_context(
                _started(
                    (alerting_programs if name == "alertmanager" else built) / name,
                    folder / name,
                    f"--config.file={folder / name / f'{name}.yml'}",
                    f"--web.config.file={folder / name / 'web.yml'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                    *_of_program(name, folder),
                )
            )
        ports = {"alertmanager": manager, "prometheus": prometheus}
        yield Running(receivers.told, ports, authority)


def _of_program(name: str, folder: Path) -> list[str]:
    if name == "alertmanager":
        return [f"--storage.path={folder / 'silences'}", "--cluster.listen-address="]
    return [f"--storage.tsdb.path={folder / 'series'}"]


def _place(
    folder: Path, name: str, texts: dict[str, str], authority: Authority, manager: int
) -> None:
    """Writes the files with this machine's paths and addresses in place of the pod's."""
    folder.mkdir()
    host = f"{name}-service.{MONITORING}.svc"
    certificate, key = authority.issue(name, (host,))
    for file, text in texts.items():
        moved = text.replace("/etc/internal-tls/tls.crt", str(certificate))
        moved = moved.replace("/etc/internal-tls/tls.key", str(key))
        moved = moved.replace("/etc/internal-ca/ca.crt", str(folder.parent / "ca.crt"))
        moved = moved.replace("/etc/alertmanager-secrets", str(folder.parent / "secrets"))
        moved = moved.replace("/etc/prometheus/", f"{folder}/")
        if file == "alertmanager.yml":
            # Long enough that an alert which mutes others has arrived before they are sent.
            moved = moved.replace('"group_wait": "30s"', '"group_wait": "5s"')
        if file == "prometheus.yml":
            known = json.loads(moved)
            (target,) = known["alerting"]["alertmanagers"]
            assert target["static_configs"] == [
                {"targets": [f"alertmanager-service.{MONITORING}.svc:9093"]}
            ]
            target["static_configs"] = [{"targets": [f"127.0.0.1:{manager}"]}]
            known["global"]["evaluation_interval"] = "1s"
            known["scrape_configs"] = []  # the alerts below need no metrics
            moved = json.dumps(known)
        if file == "rules.yml":
            moved = json.dumps({"groups": [{"name": "always", "rules": list(_rules())}]})
        (folder / file).write_text(moved)


def _rules() -> Generator[dict[str, Any]]:
    for name, severity, team, scope in (*FIRING, ("Watchdog", "none", "platform", "platform")):
        labels = {"severity": severity, "team": team, "scope": scope, "namespace": "mcp"}
        yield {"alert": name, "expr": "vector(1)", "labels": labels}


def _started(program: Path, folder: Path, *arguments: str) -> Any:
    """The running program; it is ended when the context ends."""
    context = ExitStack()
    log = context.enter_context((folder / "log").open("wb"))
    process = subprocess.Popen([program, *arguments], stdout=log, stderr=log)
    context.callback(process.wait, 30)
    context.callback(process.terminate)
    return context


@pytest.mark.parametrize("receiver", ["on-call", "chat", "data", "switch"])
def test_each_receiver_is_told_of_its_alerts_and_no_others(
    told: dict[str, set[str]], receiver: str
):
    until(lambda: told.get(receiver, set()) >= expected(receiver), 90)
    assert told[receiver] == expected(receiver)


def test_nobody_else_is_told(told: dict[str, set[str]]):
    until(lambda: len(told) == 4, 90)
    assert set(told) == {"on-call", "chat", "data", "switch"}


@pytest.mark.parametrize("program", ["prometheus", "alertmanager"])
def test_both_export_the_metrics_about_themselves_that_alerts_read(
    alerting: Running, told: dict[str, set[str]], program: Exporter
):
    """With the labels of the list; a receiver was told, so that each program has sent something."""
    until(lambda: bool(told.get("on-call")), 90)
    text = alerting.metrics(program)
    for name, metric in exported_by(program).items():
        found = re.findall(rf"^{name}(?:{{(.*)}})? ", text, re.MULTILINE)
        labels = {frozenset(re.findall(r'(\w+)="', one)) for one in found}
        assert labels == {frozenset(metric.labels)}, name
