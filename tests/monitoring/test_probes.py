"""A real blackbox_exporter with a stack's own file asks a real gateway before a real server."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.harness.apiserver import ROOT
from tests.harness.certificates import Authority
from tests.harness.graph_queries import objects
from tests.harness.network import port, private_network
from tests.harness.routed_gateway import DOMAIN, RoutedGateway, routed
from tests.harness.server import until
from tests.harness.tokens import Issuer
from tests.harness.user_servers import NETWORK, recorded

HOST: Final = "blackbox-exporter-service.qudag-mcp-dev-monitoring.svc"
MODULES: Final = ("unauthorized", "metadata")


@pytest.fixture(scope="module")
def exporter() -> Path:
    build = ROOT / "tools/alertmanager/build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"it is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder / "blackbox_exporter"


@pytest.fixture(scope="module")
def files() -> dict[str, dict[str, str]]:
    """The files of a stack's Prometheus and blackbox_exporter, by ConfigMap."""
    graph = recorded(
        {
            "topology": "microservices",
            "domain": DOMAIN,
            "network": {k: v for k, v in NETWORK.items() if k != "prometheus"},
            "kubernetes": {"apiServer": ["10.96.0.1/32"]},
            "observability": {
                "kind": "standalone",
                "standalone": {"probes": {"authority": {"secret": "edge-ca", "key": "ca.crt"}}},
            },
        }
    )
    return {one["metadata"]["name"]: one["data"] for one in objects(graph, "ConfigMap")}


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
    for name, text in files["blackbox-exporter-config"].items():
        moved = text.replace("/etc/public-ca/ca.crt", str(authority.ca_file))
        moved = moved.replace("/etc/internal-tls/tls.crt", str(certificate))
        (folder / name).write_text(moved.replace("/etc/internal-tls/tls.key", str(key)))
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
    authority: Authority, folder: Path, ends: datetime.timedelta, **given: Any
) -> Generator[RoutedGateway]:
    """A gateway whose certificate for the domain expires after ``ends``."""
    edge = authority.issue("public", (DOMAIN, "localhost"), ends=ends)
    issuer = Issuer.at(folder)
    made = folder / "gateway"
    made.mkdir()
    with routed(made, authority, issuer, edge=edge, **given) as running:
        yield running


DAYS: Final = datetime.timedelta(days=20)


def test_both_probes_succeed_until_the_server_ends(
    exporter: Path, files: dict[str, dict[str, str]], authority: Authority, tmp_path: Path
):
    with (
        platform(authority, tmp_path, DAYS) as running,
        probing(exporter, files, authority, tmp_path) as probes,
    ):
        assert probes.succeed() == {"unauthorized": True, "metadata": True}
        found = probes.metrics("unauthorized")
        assert found["probe_http_status_code"] == 401
        left = found["probe_ssl_earliest_cert_expiry"] - datetime.datetime.now().timestamp()
        assert 19 < left / 86_400 <= 20
        running.authorizer.terminate()
        until(lambda: probes.succeed() == {"unauthorized": False, "metadata": False}, 30)


def test_both_fail_when_the_certificate_has_expired(
    exporter: Path, files: dict[str, dict[str, str]], authority: Authority, tmp_path: Path
):
    expired = datetime.timedelta(seconds=-60)
    with (
        platform(authority, tmp_path, expired),
        probing(exporter, files, authority, tmp_path) as probes,
    ):
        assert probes.succeed() == {"unauthorized": False, "metadata": False}


def test_both_fail_when_the_server_has_another_name(
    exporter: Path, files: dict[str, dict[str, str]], authority: Authority, tmp_path: Path
):
    elsewhere = {"resource_url": "https://mcp.example.org/mcp"}
    with (
        platform(authority, tmp_path, DAYS, auth=elsewhere),
        probing(exporter, files, authority, tmp_path) as probes,
    ):
        found = {m: int(probes.metrics(m)["probe_http_status_code"]) for m in MODULES}
        assert (found, probes.succeed()) == (
            {"unauthorized": 421, "metadata": 421},
            {"unauthorized": False, "metadata": False},
        )


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
    assert labels.keys() == {"probe/unauthorized", "probe/metadata"}
    for one in labels.values():
        assert one["namespace"] in wanted[1].split("|")
        assert one["instance"].startswith(f"https://{DOMAIN}/")
