"""A real Prometheus with a stack's own files and a login: who gets answers, and how probes ask."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from graph.resource_graph import ResourceGraph
from tests.harness.apiserver import ROOT
from tests.harness.certificates import Authority
from tests.harness.graph_queries import objects, pods
from tests.harness.network import port, private_network
from tests.harness.server import until
from tests.harness.user_servers import NETWORK, recorded

HOST: Final = "prometheus-service.qudag-mcp-dev-monitoring.svc"
USER, PASSWORD = "reader", "the-password-of-prometheus"
HASH: Final = "$2b$05$Ggu6ZxjQVnbhOVB8N.VtA.SH.HRwNLseIS/Q5AbboV8AUk9Pq6V9O"
"""Of that password, by bcrypt."""
SECTIONS: Final[dict[str, Any]] = {
    "topology": "microservices",
    "network": {k: v for k, v in NETWORK.items() if k != "prometheus"},
    "kubernetes": {"apiServer": ["10.96.0.1/32"]},
    "scaling": {"mcp-core": {"min": 2, "max": 4, "metrics": {"mcp_open_streams": 5}}},
    "observability": {
        "kind": "standalone",
        "standalone": {"login": "prometheus-login", "keda": {}},
    },
}


@pytest.fixture(scope="module")
def programs() -> Path:
    build = ROOT / "tools/prometheus/build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"it is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder


@pytest.fixture(scope="module")
def stack() -> ResourceGraph:
    return recorded(SECTIONS)


@dataclass
class Running:
    """A Prometheus and how its pod's probes ask it."""

    trust: ssl.SSLContext
    checks: dict[str, list[str]]
    folder: Path

    def ask(self, path: str, login: tuple[str, str] | None) -> httpx2.Response:
        """An answer for somebody who connects from another pod."""
        url = f"https://localhost:{port(9090)}{path}"
        return httpx2.get(url, auth=login, verify=self.trust)

    def check(self, kind: str) -> subprocess.CompletedProcess[str]:
        """Run the command of a probe."""
        return subprocess.run(self.checks[kind], capture_output=True, text=True, check=False)


def placed(text: str, here: dict[str, str]) -> str:
    """A text with the paths of the pod as they are on this machine."""
    for there, path in here.items():
        text = text.replace(there, path)
    return text


@contextmanager
def running(stack: ResourceGraph, programs: Path, folder: Path) -> Generator[Running]:
    """The Prometheus of the stack, without the pods that it would find by the API server."""
    authority = Authority.at(folder)
    certificate, key = authority.issue("prometheus", (HOST, "localhost"))
    login = folder / "login"
    login.mkdir()
    (login / "username").write_text(USER)
    (login / "password").write_text(PASSWORD)
    here = {
        "/etc/prometheus-login": str(login),
        "/etc/prometheus/": f"{folder}/",
        "/etc/internal-ca/ca.crt": str(authority.ca_file),
        "/etc/internal-tls/tls.crt": str(certificate),
        "/etc/internal-tls/tls.key": str(key),
        "localhost:9090": f"localhost:{port(9090)}",
    }
    # As docs/how-to/scale.md has it.
    web = {
        "tls_server_config": {
            "cert_file": "/etc/internal-tls/tls.crt",
            "key_file": "/etc/internal-tls/tls.key",
            "min_version": "TLS12",
        },
        "basic_auth_users": {USER: HASH},
    }
    (login / "web.yml").write_text(placed(json.dumps(web), here))
    (files,) = [
        one["data"]
        for one in objects(stack, "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    for name, text in files.items():
        (folder / name).write_text(placed(text, here))
    read = json.loads((folder / "prometheus.yml").read_text())
    read["global"]["scrape_interval"] = "1s"
    read["scrape_configs"] = [
        one for one in read["scrape_configs"] if "kubernetes_sd_configs" not in one
    ]
    (folder / "prometheus.yml").write_text(json.dumps(read))
    (pod,) = [one for one in pods(stack) if one.name == "prometheus"]
    container = pod.container("prometheus")
    command = [
        placed(one, here)
        for one in container["command"]
        if not one.startswith(("--web.listen-address", "--storage.tsdb.path"))
    ]
    checks = {
        kind: [
            str(programs / "promtool"),
            *(placed(one, here) for one in container[f"{kind}Probe"]["exec"]["command"][1:]),
        ]
        for kind in ("startup", "readiness", "liveness")
    }
    found = Running(authority.trust(), checks, folder)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(programs / "prometheus"),
                *command[1:],
                f"--web.listen-address=127.0.0.1:{port(9090)}",
                f"--storage.tsdb.path={folder / 'series'}",
            ],
            stdout=log,
            stderr=log,
        )
        try:

            def ready() -> bool:
                assert process.poll() is None, (folder / "log").read_text()
                return found.check("startup").returncode == 0

            until(ready, 60)
            yield found
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(autouse=True)
def network() -> Generator[None]:
    with private_network():
        yield


def test_it_answers_nobody_without_the_login_but_its_probes_and_itself(
    stack: ResourceGraph, programs: Path, tmp_path: Path
):
    query = "/api/v1/query?query=up"
    with running(stack, programs, tmp_path) as prometheus:
        for path in (query, "/-/ready", "/-/healthy", "/metrics", "/"):
            assert prometheus.ask(path, None).status_code == 401
            assert prometheus.ask(path, (USER, "another")).status_code == 401
        assert prometheus.check("readiness").returncode == 0
        assert prometheus.check("liveness").returncode == 0

        def itself() -> bool:
            answer = prometheus.ask(query, (USER, PASSWORD)).json()["data"]["result"]
            return [(one["metric"]["job"], one["value"][1]) for one in answer] == [
                ("prometheus", "1")
            ]

        until(itself, 30)
        # A rotated password is used at once, by the probes too.
        (tmp_path / "login/password").write_text("another")
        refused = prometheus.check("readiness")
        assert refused.returncode != 0
        assert "401" in refused.stdout + refused.stderr
