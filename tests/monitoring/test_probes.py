"""A real blackbox_exporter with a stack's own file asks a real gateway before a real server.

The issuer of the tokens is of the test: a token endpoint for client credentials.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import ssl
import subprocess
import urllib.parse
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import httpx2
import pytest

from tests.components.observability.test_re2 import ACCEPTED, REFUSED, UNLIKE
from tests.harness.apiserver import ROOT
from tests.harness.certificates import Authority
from tests.harness.graph_queries import objects
from tests.harness.network import port, private_network
from tests.harness.routed_gateway import DOMAIN, RoutedGateway, routed
from tests.harness.server import until
from tests.harness.tokens import Issuer
from tests.harness.user_servers import NETWORK, recorded

HOST: Final = "blackbox-exporter-service.qudag-mcp-dev-monitoring.svc"
MODULES: Final = ("unauthorized", "metadata", "discovery", "tool-call")
ALL_FAIL: Final = dict.fromkeys(MODULES, False)
ALL_SUCCEED: Final = dict.fromkeys(MODULES, True)
TOKEN_URL: Final = "https://login.example.com/oauth/token"
PROBES: Final[dict[str, Any]] = {
    "ca": {"secret": "edge-ca", "key": "ca.crt"},
    "token": {
        "url": TOKEN_URL,
        "clientId": "mcp-probe",
        "clientSecret": {"secret": "mcp-probe", "key": "client-secret"},
        "scopes": ["mcp:tools"],
        "parameters": {"audience": "platform"},
        "ca": {"secret": "mcp-probe", "key": "ca.crt"},
    },
    "tool": {"name": "echo", "arguments": {"text": "still here"}, "answer": "still here"},
}


@pytest.fixture(scope="module")
def exporter() -> Path:
    build = ROOT / "tools/alertmanager/build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"it is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder / "blackbox_exporter"


def written(probes: dict[str, Any]) -> dict[str, dict[str, str]]:
    """The files of a stack's Prometheus and blackbox_exporter, by ConfigMap."""
    graph = recorded(
        {
            "topology": "microservices",
            "domain": DOMAIN,
            "network": {
                **{k: v for k, v in NETWORK.items() if k != "prometheus"},
                "issuer": ["198.51.100.0/24"],
            },
            "protocol": {"jwksUrl": "https://login.example.com/keys"},
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "observability": {
                "kind": "standalone",
                "standalone": {"probes": probes},
            },
        }
    )
    return {one["metadata"]["name"]: one["data"] for one in objects(graph, "ConfigMap")}


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, str]]:
    """Those of a stack with every probe."""
    return written(PROBES)


@dataclass
class TokenEndpoint:
    """The issuer's endpoint for client credentials; ``secret`` is that of its only client."""

    issuer: Issuer
    secret: str = "the-secret-of-the-probe"
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    def answer(self, login: str, body: str) -> tuple[int, dict[str, Any]]:
        """The status and body for a request."""
        form = dict(urllib.parse.parse_qsl(body))
        client, _, secret = base64.b64decode(login.removeprefix("Basic ")).decode().partition(":")
        self.asked.append({**form, "client": client})
        if (client, secret) != ("mcp-probe", self.secret):
            return 401, {"error": "invalid_client"}
        token = self.issuer.token(aud=form["resource"], scope=form["scope"], sub=client)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 600}

    @contextmanager
    def serving(self, certificate: Path, key: Path) -> Generator[None]:
        """Listen on port 9443 with TLS."""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                status, said = endpoint.answer(self.headers.get("authorization", ""), body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with ThreadingHTTPServer(("127.0.0.1", port(9443)), Handler) as server:
            server.daemon_threads = True
            server.socket = context.wrap_socket(server.socket, server_side=True)
            Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.at(tmp_path)


@pytest.fixture(autouse=True)
def network() -> Generator[None]:
    with private_network():
        yield


class Probes:
    """The running exporter, asked as Prometheus would ask it."""

    def __init__(self, authority: Authority, jobs: dict[str, dict[str, Any]]) -> None:
        self.trust = authority.trust()
        self.jobs = jobs

    def metrics(self, module: str) -> dict[str, float]:
        """What a probe exports, by name."""
        job = self.jobs[f"probe/{module}"]
        (url,) = job["params"]["target"]
        asked = re.sub(r"^https://[^/]+", f"https://127.0.0.1:{port(8443)}", url)
        answer = httpx2.get(
            f"https://127.0.0.1:{port(9115)}{job['metrics_path']}",
            params={"module": job["params"]["module"][0], "target": asked},
            verify=self.trust,
            timeout=20,
        )
        lines = [line.rsplit(" ", 1) for line in answer.text.splitlines() if line[:1] != "#"]
        return {name: float(value) for name, value in lines}

    def succeed(self) -> dict[str, bool]:
        """Whether each module's probe does."""
        return {module: self.metrics(module)["probe_success"] == 1 for module in MODULES}


@contextmanager
def probing(
    exporter: Path, files: dict[str, dict[str, str]], authority: Authority, folder: Path
) -> Generator[Probes]:
    certificate, key = authority.issue("blackbox", (HOST, "localhost"))
    secret = folder / "client-secret"
    secret.write_text("the-secret-of-the-probe\n")
    here = {
        "/etc/public-ca/ca.crt": str(authority.ca_file),
        "/etc/probe-secrets/mcp-probe/ca.crt": str(authority.ca_file),
        "/etc/probe-secrets/mcp-probe/client-secret": str(secret),
        "/etc/internal-tls/tls.crt": str(certificate),
        "/etc/internal-tls/tls.key": str(key),
        TOKEN_URL: f"https://127.0.0.1:{port(9443)}/oauth/token",
    }
    for name, text in files["blackbox-exporter-config"].items():
        moved = text
        for there, file in here.items():
            moved = moved.replace(there, file)
        (folder / name).write_text(moved)
    read = json.loads(files["prometheus-config"]["prometheus.yml"])["scrape_configs"]
    asked = Probes(authority, {job["job_name"]: job for job in read})
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                exporter,
                f"--config.file={folder / 'blackbox.yml'}",
                f"--web.config.file={folder / 'web.yml'}",
                f"--web.listen-address=127.0.0.1:{port(9115)}",
            ],
            stdout=log,
            stderr=log,
        )
        try:

            def answers() -> bool:
                assert process.poll() is None, (folder / "log").read_text()
                try:
                    url = f"https://127.0.0.1:{port(9115)}/-/healthy"
                    return httpx2.get(url, verify=asked.trust).status_code == 200
                except httpx2.HTTPError:
                    return False

            until(answers, 60)
            yield asked
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def platform(
    authority: Authority,
    folder: Path,
    ends: datetime.timedelta,
    endpoint: TokenEndpoint | None = None,
    **given: Any,
) -> Generator[RoutedGateway]:
    """A gateway whose certificate for the domain expires after ``ends``, and its issuer."""
    edge = authority.issue("public", (DOMAIN, "localhost"), ends=ends)
    endpoint = endpoint or TokenEndpoint(Issuer.at(folder))
    made = folder / "gateway"
    made.mkdir()
    with (
        endpoint.serving(*authority.issue("issuer")),
        routed(made, authority, endpoint.issuer, edge=edge, **given) as running,
    ):
        yield running


def reads(exporter: Path, folder: Path, expressions: Sequence[str]) -> bool:
    """Whether the exporter reads a configuration with these expressions."""
    http = {"fail_if_body_not_matches_regexp": [*expressions]}
    config = folder / "blackbox.yml"
    config.write_text(json.dumps({"modules": {"a": {"prober": "http", "http": http}}}))
    argv = [exporter, f"--config.file={config}", "--config.check"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def test_it_reads_the_expressions_that_are_accepted_and_no_others(exporter: Path, tmp_path: Path):
    assert reads(exporter, tmp_path, [*ACCEPTED, *UNLIKE])
    assert [one for one in REFUSED if reads(exporter, tmp_path, [one])] == []


DAYS: Final = datetime.timedelta(days=20)


def test_all_probes_succeed_until_the_server_ends(
    exporter: Path, files: dict[str, dict[str, str]], authority: Authority, tmp_path: Path
):
    endpoint = TokenEndpoint(Issuer.at(tmp_path))
    with (
        platform(authority, tmp_path, DAYS, endpoint) as running,
        probing(exporter, files, authority, tmp_path) as probes,
    ):
        assert probes.succeed() == ALL_SUCCEED
        wanted = {
            "client": "mcp-probe",
            "grant_type": "client_credentials",
            "scope": "mcp:tools",
            "resource": f"https://{DOMAIN}/mcp",
            "audience": "platform",
        }
        assert endpoint.asked == [wanted, wanted]
        found = probes.metrics("unauthorized")
        assert found["probe_http_status_code"] == 401
        left = found["probe_ssl_earliest_cert_expiry"] - datetime.datetime.now().timestamp()
        assert 19 < left / 86_400 <= 20
        running.authorizer.terminate()
        until(lambda: probes.succeed() == ALL_FAIL, 30)


def test_only_those_with_a_token_fail_when_the_issuer_refuses_the_client(
    exporter: Path, files: dict[str, dict[str, str]], authority: Authority, tmp_path: Path
):
    endpoint = TokenEndpoint(Issuer.at(tmp_path), secret="another")
    with (
        platform(authority, tmp_path, DAYS, endpoint),
        probing(exporter, files, authority, tmp_path) as probes,
    ):
        assert probes.succeed() == {**ALL_SUCCEED, "discovery": False, "tool-call": False}


@pytest.mark.parametrize(
    "tool",
    [
        {"name": "fail", "arguments": {"reason": "still here"}, "answer": "still here"},
        {"name": "echo", "arguments": {"text": "gone"}, "answer": "still here"},
    ],
    ids=["an error that matches", "another answer"],
)
def test_only_the_call_fails_when_the_tool_fails_or_answers_otherwise(
    exporter: Path, authority: Authority, tmp_path: Path, tool: dict[str, Any]
):
    with (
        platform(authority, tmp_path, DAYS),
        probing(exporter, written({**PROBES, "tool": tool}), authority, tmp_path) as probes,
    ):
        assert probes.succeed() == {**ALL_SUCCEED, "tool-call": False}
        assert probes.metrics("tool-call")["probe_http_status_code"] == 200


def test_all_fail_when_the_certificate_has_expired(
    exporter: Path, files: dict[str, dict[str, str]], authority: Authority, tmp_path: Path
):
    expired = datetime.timedelta(seconds=-60)
    with (
        platform(authority, tmp_path, expired),
        probing(exporter, files, authority, tmp_path) as probes,
    ):
        assert probes.succeed() == ALL_FAIL


def test_all_fail_when_the_server_has_another_name(
    exporter: Path, files: dict[str, dict[str, str]], authority: Authority, tmp_path: Path
):
    elsewhere = {"resource_url": "https://mcp.example.org/mcp"}
    with (
        platform(authority, tmp_path, DAYS, auth=elsewhere),
        probing(exporter, files, authority, tmp_path) as probes,
    ):
        found = {m: int(probes.metrics(m)["probe_http_status_code"]) for m in MODULES}
        assert (found, probes.succeed()) == (dict.fromkeys(MODULES, 421), ALL_FAIL)


def test_prometheus_adds_the_labels_that_the_alerts_select(files: dict[str, dict[str, str]]):
    read = json.loads(files["prometheus-config"]["prometheus.yml"])["scrape_configs"]
    labels = {
        job["job_name"]: job["static_configs"][0]["labels"]
        for job in read
        if job["job_name"].startswith("probe/")
    }
    rules = json.loads(files["prometheus-config"]["rules.yml"])["groups"]
    (down,) = [r for g in rules for r in g["rules"] if r.get("alert") == "EndpointDown"]
    wanted = re.search(r'namespace=~?"([^"]+)"', down["expr"])
    assert wanted
    assert labels.keys() == {f"probe/{module}" for module in MODULES}
    for one in labels.values():
        assert one["namespace"] in wanted[1].split("|")
        assert one["instance"].startswith(f"https://{DOMAIN}/")
