"""Runs a real Prometheus with a stack's own files, its certificate and its login."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from graph.resource_graph import ResourceGraph

from .apiserver import ROOT
from .certificates import Authority
from .graph_queries import objects, pods
from .server import until

USER: Final = "reader"
HASHES: Final = {
    "the-password-of-prometheus": "$2b$05$Ggu6ZxjQVnbhOVB8N.VtA.SH.HRwNLseIS/Q5AbboV8AUk9Pq6V9O",
    "another-password": "$2b$05$W2B7RfITZ/o/C.UyIV8Qr.qyWZGn/Z/1PsrWMFIQx9RBgtJH2exdi",
}
"""Passwords and what bcrypt makes of them."""
PASSWORD, ANOTHER = HASHES


def built() -> Path:
    """The folder with Prometheus and promtool; skips the test if they are not there."""
    build = ROOT / "tools/prometheus/build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"it is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder


@dataclass
class OwnPrometheus:
    """A Prometheus that requires a login, and how its pod's probes ask it.

    Attributes:
        address: where it listens, ``host:port``.
        authority: signs its certificate.
        login: folder of the Secret with its login.
        checks: the command of each probe.
        here: paths of the pod, and where they are on this machine.
    """

    address: str
    authority: Authority
    login: Path
    checks: Mapping[str, Sequence[str]]
    here: Mapping[str, str]

    def ask(self, path: str, login: tuple[str, str] | None) -> httpx2.Response:
        """An answer for somebody who connects from another pod."""
        trust: ssl.SSLContext = self.authority.trust()
        return httpx2.get(f"https://{self.address}{path}", auth=login, verify=trust)

    def value(self, query: str, password: str = PASSWORD) -> float | None:
        """The value of a query's only series; None without one."""
        asked = httpx2.QueryParams({"query": query})
        answer = self.ask(f"/api/v1/query?{asked}", (USER, password))
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def check(self, kind: str) -> subprocess.CompletedProcess[str]:
        """Run the command of a probe."""
        return subprocess.run(self.checks[kind], capture_output=True, text=True, check=False)

    def accept(self, password: str) -> None:
        """Write the Secret with this password, as docs/how-to/scale.md has it."""
        web = {
            "tls_server_config": {
                "cert_file": "/etc/internal-tls/tls.crt",
                "key_file": "/etc/internal-tls/tls.key",
                "min_version": "TLS12",
            },
            "basic_auth_users": {USER: HASHES[password]},
        }
        (self.login / "web.yml").write_text(placed(json.dumps(web), self.here))
        (self.login / "username").write_text(USER)
        (self.login / "password").write_text(password)


def placed(text: str, here: Mapping[str, str]) -> str:
    """A text with the paths of the pod as they are on this machine."""
    for there, path in here.items():
        text = text.replace(there, path)
    return text


@contextmanager
def own_prometheus(
    stack: ResourceGraph,
    folder: Path,
    *,
    names: Sequence[str],
    host: str = "localhost",
    port: int = 9090,
    scraped: Sequence[tuple[str, Mapping[str, str]]] = (),
) -> Generator[OwnPrometheus]:
    """The Prometheus of a stack, which reads each target every second.

    Args:
        stack: with ``observability.standalone.login``.
        folder: for its files.
        names: in its certificate, besides ``localhost``.
        host: name or loopback address at which it listens.
        port: at which it listens.
        scraped: pairs of an address and the labels of its series, in place of the pods that it
            would find by the API server.
    """
    programs, address = built(), f"{host}:{port}"
    authority = Authority.at(folder)
    at = ("127.0.0.1",) if host == "localhost" else (host,)
    certificate, key = authority.issue("prometheus", (*names, "localhost"), addresses=at)
    login = folder / "login"
    login.mkdir()
    here = {
        "/etc/prometheus-login": str(login),
        "/etc/prometheus/": f"{folder}/",
        "/etc/internal-ca/ca.crt": str(authority.ca_file),
        "/etc/internal-tls/tls.crt": str(certificate),
        "/etc/internal-tls/tls.key": str(key),
        "localhost:9090": address,
    }
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
        *(one for one in read["scrape_configs"] if "kubernetes_sd_configs" not in one),
        {
            "job_name": "pods",
            "static_configs": [
                {"targets": [target], "labels": dict(labels)} for target, labels in scraped
            ],
        },
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
    found = OwnPrometheus(address, authority, login, checks, here)
    found.accept(PASSWORD)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(programs / "prometheus"),
                *command[1:],
                f"--web.listen-address={address.replace('localhost', '127.0.0.1')}",
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
