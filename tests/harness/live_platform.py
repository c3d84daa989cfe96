"""A stack with everything that exports metrics, running on this machine, and its Prometheus."""

from __future__ import annotations

import contextlib
import json
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import httpx2
import psycopg

from graph.resource_graph import ResourceGraph

from .bridge import FAULTS
from .canary_stack import BUCKET
from .certificates import Authority
from .live_load import DOMAIN, MEMORIES, Client
from .pod_network import PREFIX, pod_network
from .running_stack import RunningStack, names_resolve
from .server import until
from .stack_prometheus import prometheus_files
from .tokens import Issuer
from .user_servers import NETWORK, recorded

ENGINE: Final = "orchestration-engine"
AGENT: Final = "developer-agent"
NOTES: Final = "notes"
ABSENT: Final = ("business-analyst-agent", "qa-tester-agent", "technical-architect-agent")
"""Agents that are like the one that runs, and export nothing."""
ISSUER_HOST: Final = "issuer.example.com"
CONFIG: Final[Mapping[str, Any]] = {
    "topology": "orchestration",
    "domain": DOMAIN,
    "network": {"clients": NETWORK["clients"], "issuer": [f"{PREFIX}254/32"]},
    "kubernetes": {"apiServer": ["10.96.0.1/32"]},
    "observability": {"kind": "standalone", "scrapeSeconds": 5, "dashboards": {}},
    "protocol": {
        "issuer": f"https://{ISSUER_HOST}",
        "jwksUrl": f"https://{ISSUER_HOST}:8443/keys",
        "jwksMaxAgeSeconds": 10,
    },
    "secrets": {"issuerCa": "issuer-ca"},
    "audit": {"enabled": True},
    "backup": {"bucket": BUCKET},
    "limits": {"memoriesPerUser": MEMORIES},
    "data": {"databaseExporter": True, "valkey": {"exporter": True}},
    "scaling": {ENGINE: {"workers": 2}},
    "servers": {
        NOTES: {
            "image": "ghcr.io/acme/notes-mcp:1.0.0",
            "transport": "stdio",
            "command": [sys.executable, str(FAULTS)],
        }
    },
}
"""The topology with most parts, and a server of a user's own behind its gateway."""


@cache
def graph() -> ResourceGraph:
    """The stack, recorded once."""
    return recorded(CONFIG)


@dataclass
class PublishedKeys:
    """Serves the keys of the token issuer over HTTPS, at the address of the bridge of the pods."""

    issuer: Issuer
    certificate: tuple[Path, Path]
    server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Answer from now on."""
        keys = self.issuer.jwks_file.read_bytes()

        class Keys(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(keys)))
                self.end_headers()
                self.wfile.write(keys)

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing."""

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.certificate)
        self.server = ThreadingHTTPServer((f"{PREFIX}254", 8443), Keys)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@dataclass(frozen=True)
class Asked:
    """The stack's Prometheus, asked over TLS at the address of its pod."""

    address: str
    authority: Authority

    def get(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        trusted = ssl.create_default_context(cafile=self.authority.ca_file)
        answer = httpx2.get(
            f"https://{self.address}:9090/api/v1/{path}", params=query, verify=trusted, timeout=30
        )
        answer.raise_for_status()
        return answer.json()["data"]

    def query(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series that a query finds now."""
        found = self.get("query", query=query)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {one["alertname"] for one, _ in self.query('ALERTS{alertstate="firing"}')}


@dataclass(frozen=True)
class LivePlatform:
    """The running stack, its Prometheus, and a client of its gateway."""

    stack: RunningStack
    prometheus: Asked
    client: Client
    keys: PublishedKeys

    @property
    def login(self) -> dict[str, Any]:
        """How to connect to the platform's database as the owner of its tables."""
        return {
            "host": self.stack.pod("postgres").address,
            "dbname": "qudag_mcp",
            "user": "qudag",
            "password": self.stack.secrets["mcp-server-secrets"]["database-password"],
            "sslmode": "require",
        }

    def execute(self, statement: str) -> None:
        """Run a statement in the platform's database."""
        with psycopg.connect(**self.login) as connection:
            connection.execute(statement.encode())

    def expired(self, name: str) -> dict[str, str]:
        """A certificate for the names of a Secret that ended an hour ago, and its key."""
        authority, stack = self.stack.authority, self.stack
        (names, *_) = [
            one["dns_names"]
            for one in stack.graph.outputs["required_secrets"]
            if one["name"] == name
        ]
        addresses = ["127.0.0.1", *(one.address for one in stack.pods.values())]
        ended = timedelta(hours=-1)
        certificate, key = authority.issue(
            "expired", ["localhost", *names], ends=ended, addresses=addresses
        )
        return {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}

    def raised_since(self, begun: float) -> set[str]:
        """The names of the alerts that have fired since a time, in seconds since 1970."""
        window = max(1, int(time.time() - begun))
        found = self.prometheus.query(f'max_over_time(ALERTS{{alertstate="firing"}}[{window}s])')
        return {one["alertname"] for one, _ in found}

    def backed_up(self, minutes_ago: float) -> None:
        """Write what the jobs of backups and drills write: a backup, and a drill that passed."""
        taken = f"now() - interval '{minutes_ago} minutes'"
        self.execute("DELETE FROM backup_results")
        self.execute(f"SELECT record_backup({taken}, 4.2, 2000000)")
        self.execute(f"SELECT record_drill({taken}, 'passed', 300, 41)")


@contextlib.contextmanager
def live_platform(
    program: Path, folder: Path, *, faster: int = 1, slower: Mapping[str, int] | None = None
) -> Generator[LivePlatform]:
    """Run the platform and its Prometheus.

    Args:
        program: Prometheus.
        folder: for files.
        faster: durations and windows of the rules are divided by it; thresholds stay.
        slower: seconds for which the conditions of some alerts must hold in place of that.
    """
    authority, issuer = Authority.at(folder), Issuer.at(folder)
    with pod_network() as network:
        stack = RunningStack(graph(), folder / "pods", network, authority, issuer, without=ABSENT)
        gateway = stack.pod("mcp-gateway").address
        for one in stack.pods.values():
            one.pod.addresses = {**one.pod.addresses, ISSUER_HOST: f"{PREFIX}254"}
        keys = PublishedKeys(issuer, authority.issue("issuer", [ISSUER_HOST]))
        try:
            keys.start()
            stack.start_all(("database-migration", "migrate"))
            client = Client(issuer, graph().outputs["issuer"], str(authority.ca_file))
            asked = Asked(stack.pod("prometheus").address, authority)
            made = LivePlatform(stack, asked, client, keys)
            stack.run_job("mcp-audit-keeper", "keep")
            made.backed_up(minutes_ago=5)
            files = prometheus_files(stack, folder, seconds=5 if faster == 1 else 2)
            rules = files / "rules.yml"
            rules.write_text(shortened(rules.read_text(), faster, slower or {}))
            with names_resolve({DOMAIN: gateway}), _prometheus(program, files, made):
                yield made
        finally:
            keys.stop()
            stack.close()


def shortened(rules: str, factor: int, slower: Mapping[str, int]) -> str:
    """A rule file whose durations and windows are divided by a factor, to a second at least.

    Args:
        rules: JSON.
        factor: 1 changes nothing.
        slower: durations in seconds, by alert.
    """
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}

    def shorter(found: re.Match[str]) -> str:
        length = int(found["number"]) * seconds[found["unit"]]
        short = max(1, round(length / factor)) if length else 0
        return f"{found['before']}{max(short, 4) if '[' in found['before'] else short}s"

    if factor == 1:
        return rules
    pattern = r'(?P<before>\[|"for": ")(?P<number>\d+)(?P<unit>[smhd])(?=[]"])'
    made = json.loads(re.sub(pattern, shorter, rules))
    for group in made["groups"]:
        for rule in group["rules"]:
            if (name := rule.get("alert")) in slower:
                rule["for"] = f"{slower[name]}s"
    return json.dumps(made)


@contextlib.contextmanager
def _prometheus(program: Path, files: Path, made: LivePlatform) -> Generator[None]:
    command = [
        program,
        f"--config.file={files / 'prometheus.yml'}",
        f"--web.config.file={files / 'web.yml'}",
        "--web.listen-address=:9090",
        f"--storage.tsdb.path={files / 'series'}",
    ]
    log = files / "prometheus.log"
    with log.open("wb") as out, made.stack.network.inside(made.prometheus.address):
        process = subprocess.Popen(command, stdout=out, stderr=out)

    def reads() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            targets = made.prometheus.get("targets", state="active")["activeTargets"]
        except httpx2.HTTPError:  # it is still starting
            return False
        return bool(targets) and all(one["health"] == "up" for one in targets)

    try:
        until(reads, 120)
        yield
    finally:
        process.terminate()
        process.wait(30)
