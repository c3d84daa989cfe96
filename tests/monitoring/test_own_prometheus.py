"""A real Prometheus with a stack's own configuration finds the pods of a real API server.

It has the token of the stack's service account, so its Role is what the API server lets it do. Pods
are never scheduled: each gets an address of loopback, at which a server of this machine answers.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import httpx2
import pytest
import yaml

from delivery.render import render
from graph.resource_graph import ResourceGraph
from tests.cluster.test_manifests import APPLY
from tests.harness.apiserver import ApiServer
from tests.harness.certificates import Authority
from tests.harness.graph_queries import objects
from tests.harness.monitored_stacks import stack
from tests.harness.server import RunningServer, fetch, free_port, serving, until
from tests.harness.tokens import Issuer
from tests.runtime.test_exported_metrics import OF_SERVER, described, used

PLATFORM: Final = "qudag-mcp-dev"
MONITORING: Final = f"{PLATFORM}-monitoring"
NEEDED: Final = ("Namespace", "ServiceAccount", "Role", "RoleBinding")
SERIES_OF_FIFTY_SERVERS: Final = 25_000
SERIES_OF_A_SERVER: Final = 480
SERIES_OF_AN_ENGINE: Final = 750
"""Of a server that offers the tools of five others, which it measures as well."""
OF_REQUESTS: Final = {
    "mcp_server_operation_duration_seconds": frozenset({"gen_ai_tool_name", "error_type"}),
    "mcp_client_operation_duration_seconds": frozenset({"gen_ai_tool_name", "error_type"}),
}
"""Labels that are empty for most methods, and without an error; Prometheus drops these."""
HOST: Final = f"prometheus-service.{MONITORING}.svc"


@dataclass(frozen=True)
class Asked:
    """A running Prometheus, asked over TLS."""

    port: int
    authority: Authority

    def get(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        address = f"https://localhost:{self.port}/api/v1/{path}"
        trusted = ssl.create_default_context(cafile=self.authority.ca_file)
        answer = httpx2.get(address, params=query, verify=trusted)
        answer.raise_for_status()
        return answer.json()["data"]

    def series(self, query: str) -> list[dict[str, str]]:
        """The labels of the series that a query finds."""
        return [one["metric"] for one in self.get("query", query=query)["result"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningServer]:
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, Issuer.at(folder), **described()) as running:
        yield running


@pytest.fixture(scope="module")
def graph() -> ResourceGraph:
    return stack("monolith", "standalone")


@pytest.fixture(scope="module")
def pod(api_server: ApiServer, graph: ResourceGraph, tmp_path_factory: Any) -> Generator[str]:
    """A pod of the monolith, at an address of loopback."""
    folder = tmp_path_factory.mktemp("rendered")
    render(graph, folder)
    wanted = folder / "wanted"
    wanted.mkdir()
    for file in (folder / "manifests").iterdir():
        made = yaml.safe_load(file.read_text())
        name = made["metadata"]["name"]
        if made["kind"] in NEEDED or (made["kind"], name) == ("Deployment", "mcp-server"):
            (wanted / file.name).write_text(file.read_text())
    applied = api_server.kubectl(*APPLY, "-f", str(wanted))
    assert applied.returncode == 0, applied.stderr
    listed = partial(api_server.kubectl, "-n", PLATFORM, "get", "pods", "-l", "app=mcp-server")
    until(lambda: listed("-o", "name").stdout.startswith("pod/"), 60)
    name = listed("-o", "name").stdout.split()[0].removeprefix("pod/")
    status = {"phase": "Running", "podIP": "127.0.0.9", "podIPs": [{"ip": "127.0.0.9"}]}
    patch = json.dumps({"status": status})
    patched = api_server.kubectl(
        *("-n", PLATFORM, "patch", "pod", name, "--subresource=status", "--type=merge", "-p", patch)
    )
    assert patched.returncode == 0, patched.stderr
    yield name
    for namespace in (PLATFORM, MONITORING):
        api_server.kubectl("delete", "namespace", namespace, "--wait=false")


@contextmanager
def at_the_pod(port: int, text: Any) -> Generator[None]:
    """What answers at a port of the pod's address."""

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text().encode()
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.9", port), Metrics) as listening:
        listening.daemon_threads = True
        Thread(target=listening.serve_forever, daemon=True).start()
        yield
        listening.shutdown()


def moved(text: str, api_server: ApiServer, folder: Path, port: int) -> str:
    """The configuration with the paths and addresses of this machine in place of the pod's."""
    cluster = yaml.safe_load(api_server.kubeconfig.read_text())["clusters"][0]["cluster"]
    known = json.loads(text)
    known["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    known["rule_files"] = [str(folder / "rules.yml")]
    for job in known["scrape_configs"]:
        for found in job.get("kubernetes_sd_configs", []):
            found["api_server"] = cluster["server"]
            found["authorization"] = {"credentials_file": str(folder / "token")}
            found["tls_config"] = {"ca_file": str(folder / "api.crt")}
        for own in job.get("static_configs", []):
            own["targets"] = [f"localhost:{port}"]
            job["tls_config"]["ca_file"] = str(folder / "ca.crt")
    return json.dumps(known)


def _authority_of(api_server: ApiServer) -> bytes:
    cluster = yaml.safe_load(api_server.kubeconfig.read_text())["clusters"][0]["cluster"]
    if path := cluster.get("certificate-authority"):
        return (api_server.run / path).read_bytes()
    return base64.b64decode(cluster["certificate-authority-data"])


@pytest.fixture(scope="module")
def prometheus(
    built: Path,
    api_server: ApiServer,
    graph: ResourceGraph,
    pod: str,
    server: RunningServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Generator[Asked]:
    program = built / "prometheus"
    folder = tmp_path_factory.mktemp("prometheus")
    authority, port = Authority.at(folder), free_port()
    certificate, key = authority.issue("own", ("localhost", HOST))
    token = api_server.kubectl("-n", MONITORING, "create", "token", "prometheus-sa")
    (folder / "token").write_text(token.stdout)
    (folder / "api.crt").write_bytes(_authority_of(api_server))
    (files,) = [
        one["data"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    (folder / "prometheus.yml").write_text(moved(files["prometheus.yml"], api_server, folder, port))
    (folder / "rules.yml").write_text(files["rules.yml"])
    web = files["web.yml"].replace("/etc/internal-tls/tls.crt", str(certificate))
    (folder / "web.yml").write_text(web.replace("/etc/internal-tls/tls.key", str(key)))
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--web.config.file={folder / 'web.yml'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--storage.tsdb.path={folder / 'series'}",
    ]
    with ExitStack() as running:
        running.enter_context(at_the_pod(9090, lambda: fetch(server.metrics_url).text))
        running.enter_context(at_the_pod(9091, lambda: "mcp_gateway_up 1\n"))
        log = running.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            asked = Asked(port, authority)

            def reads() -> bool:
                assert process.poll() is None, (folder / "log").read_text()
                try:
                    return len(asked.series("up == 1")) == 3
                except httpx2.HTTPError:  # it is still starting
                    return False

            until(reads, 90)
            yield asked
        finally:
            process.terminate()
            process.wait(30)
    assert pod


def test_each_port_of_the_pod_is_read_under_the_labels_that_rules_read(prometheus: Asked, pod: str):
    found = {
        one["exporter"]: (one["job"], one["namespace"], one.get("pod"))
        for one in prometheus.series("up == 1")
    }
    assert found == {
        "server": ("mcp-server", PLATFORM, pod),
        "gateway": ("mcp-server", PLATFORM, pod),
        "prometheus": ("prometheus", MONITORING, None),
    }


def test_no_other_pod_is_read(prometheus: Asked):
    assert len(prometheus.get("targets", state="active")["activeTargets"]) == 3


async def test_every_metric_of_a_server_arrives_with_its_labels(
    prometheus: Asked, server: RunningServer
):
    await used(server)

    def missing() -> list[str]:
        found: list[str] = []
        for name, one in OF_SERVER.items():
            series = prometheus.series(f"{name}_count" if one.kind == "histogram" else name)
            always = set(one.labels) - OF_REQUESTS.get(name, frozenset())
            seen = {label for each in series for label in each}
            if not set(one.labels) <= seen or not all(always <= each.keys() for each in series):
                found.append(name)
        return found

    until(lambda: not missing(), 60)
    assert len(OF_SERVER) > 20


def test_an_engine_and_49_servers_stay_under_the_bound_of_fifty_servers():
    assert SERIES_OF_AN_ENGINE + 49 * SERIES_OF_A_SERVER < SERIES_OF_FIFTY_SERVERS


async def test_fifty_servers_have_fewer_than_25_000_series(
    prometheus: Asked, server: RunningServer
):
    """Of one pod each, after each metric of the reference server was used."""
    await used(server)
    until(lambda: prometheus.series("mcp_tool_errors_total"), 30)
    (found,) = prometheus.get("query", query='scrape_samples_scraped{exporter="server"}')["result"]
    of_one = int(found["value"][1])
    print(f"{of_one} series of a server")
    assert 100 < of_one < SERIES_OF_A_SERVER
    assert 50 * of_one < SERIES_OF_FIFTY_SERVERS


def test_every_rule_is_evaluated_without_an_error(prometheus: Asked):
    def rules() -> list[dict[str, Any]]:
        groups = prometheus.get("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    until(lambda: all(rule["health"] != "unknown" for rule in rules()), 60)
    assert len(rules()) > 30
    assert [(one["name"], one.get("lastError")) for one in rules() if one["health"] != "ok"] == []
    (watchdog,) = [one for one in rules() if one["name"] == "Watchdog"]
    assert watchdog["state"] == "firing"


@pytest.mark.parametrize(
    ("what", "namespace", "answer"),
    [
        ("list pods", PLATFORM, "yes"),
        ("watch pods", PLATFORM, "yes"),
        ("list secrets", PLATFORM, "no"),
        ("delete pods", PLATFORM, "no"),
        ("create pods/exec", PLATFORM, "no"),
        ("list pods", "default", "no"),
        ("list nodes", "default", "no"),
    ],
)
def test_its_account_may_list_pods_and_nothing_else(
    pod: str, api_server: ApiServer, what: str, namespace: str, answer: str
):
    assert pod
    account = f"--as=system:serviceaccount:{MONITORING}:prometheus-sa"
    found = api_server.kubectl("-n", namespace, "auth", "can-i", *what.split(), account)
    assert found.stdout.strip() == answer


def test_promtool_accepts_the_configuration_as_it_is_in_the_pod(
    built: Path, graph: ResourceGraph, tmp_path: Path
):
    (files,) = [
        one["data"]
        for one in objects(graph, "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for what in (["config", "--syntax-only", "prometheus.yml"], ["rules", "rules.yml"]):
        command = [built / "promtool", "check", *what]
        found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr
