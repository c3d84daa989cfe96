"""Runs an OpenSearch with its security plugin, and the programs of a stack that write to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import tomli_w

from components.mcp.server_config import INTERNAL_TLS_PATH
from components.observability.log_forwarder import STORE_SECRETS
from graph.resource_graph import ResourceGraph

from .apiserver import ROOT
from .certificates import Authority
from .graph_queries import objects
from .server import free_port, until

WRITER: Final = ("collector", "kXr3-tuv-Lm9q-zz")
KEEPER: Final = ("retention", "pQw7-abn-Rs2e-yy")
_SETTINGS: Final = """\
cluster.name: logs
node.name: opensearch
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport}
path.data: {data}
path.logs: {data}
plugins.security.ssl.transport.pemcert_filepath: node.crt
plugins.security.ssl.transport.pemkey_filepath: node.key
plugins.security.ssl.transport.pemtrustedcas_filepath: ca.crt
plugins.security.ssl.transport.enforce_hostname_verification: false
plugins.security.ssl.http.enabled: true
plugins.security.ssl.http.pemcert_filepath: node.crt
plugins.security.ssl.http.pemkey_filepath: node.key
plugins.security.ssl.http.pemtrustedcas_filepath: ca.crt
plugins.security.ssl.http.clientauth_mode: OPTIONAL
plugins.security.allow_default_init_securityindex: true
plugins.security.authcz.admin_dn: ["CN=admin"]
plugins.security.nodes_dn: ["CN=node"]
plugins.security.restapi.roles_enabled: ["all_access"]
"""
_LOGGING: Final = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


@dataclass
class OpenSearch:
    """One node, which can be stopped and started again on the same data."""

    home: Path
    folder: Path
    authority: Authority
    port: int = field(default_factory=free_port)
    transport: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def at(cls, folder: Path) -> OpenSearch:
        """A node with its configuration below a folder; the test is skipped without OpenSearch."""
        build = ROOT / "tools" / "opensearch" / "build"
        home = Path(subprocess.check_output([build, "--folder"], text=True).strip())
        if not home.is_dir():
            pytest.skip(f"OpenSearch is not there; run {build.relative_to(ROOT)}, which needs Java")
        config = folder / "config"
        shutil.copytree(
            home / "plugins" / "opensearch-security" / "config", config / "opensearch-security"
        )
        authority = Authority.at(config)
        authority.issue("node")
        authority.issue("admin")
        made = cls(home, folder, authority)
        settings = {"port": made.port, "transport": made.transport, "data": folder / "data"}
        (config / "opensearch.yml").write_text(_SETTINGS.format(**settings))
        (config / "log4j2.properties").write_text(_LOGGING)
        return made

    @property
    def url(self) -> str:
        """Its URL."""
        return f"https://localhost:{self.port}"

    @property
    def log(self) -> str:
        """What it wrote."""
        return (self.folder / "opensearch.log").read_text()

    def start(self) -> None:
        """Start it and wait until it answers the administrator."""
        memory = ("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
        command = [
            *("java", *memory, "-cp", f"{self.home / 'start'}:{self.home / 'lib'}/*", "Start"),
            *(str(self.home), str(self.folder / "config")),
        ]
        with (self.folder / "opensearch.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._answers, 400)

    def stop(self) -> None:
        """End it; what it has stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request of the administrator; fails if it is refused."""
        certificate = tuple(
            str(self.authority.directory / f"admin.{end}") for end in ("crt", "key")
        )
        trust = self.authority.trust()
        trust.load_cert_chain(*certificate)
        answer = httpx2.request(
            method, f"{self.url}/{path}", json=body, verify=trust, timeout=60, trust_env=False
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def grant(self, login: tuple[str, str], role: Mapping[str, Any]) -> None:
        """Make a user with a password, and a role of its own."""
        name, password = login
        self.ask("PUT", f"_plugins/_security/api/internalusers/{name}", {"password": password})
        self.ask("PUT", f"_plugins/_security/api/roles/{name}", role)
        self.ask("PUT", f"_plugins/_security/api/rolesmapping/{name}", {"users": [name]})

    def documents(self, index: str) -> list[dict[str, Any]]:
        """All that a data stream has."""
        self.ask("POST", f"{index}/_refresh")
        found = self.ask("POST", f"{index}/_search?size=10000", {"query": {"match_all": {}}})
        return [one["_source"] for one in found["hits"]["hits"]]

    def count(self, *indexes: str) -> int:
        """How many documents the data streams have together."""
        names = ",".join(indexes)
        self.ask("POST", f"{names}/_refresh")
        return self.ask("GET", f"{names}/_count")["count"]

    def indexes(self, stream: str) -> list[str]:
        """The indexes of a data stream, oldest first."""
        (found,) = self.ask("GET", f"_data_stream/{stream}")["data_streams"]
        return [one["index_name"] for one in found["indices"]]

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        with contextlib.suppress(httpx2.TransportError, AssertionError):
            return bool(self.ask("GET", "_plugins/_security/api/roles/all_access"))
        return False


@dataclass
class LogPrograms:
    """The forwarder and the job of a graph, with folders of this machine in place of Secrets.

    Attributes:
        values: of the Secrets, by Secret and key.
    """

    graph: ResourceGraph
    folder: Path
    store: OpenSearch
    values: Mapping[str, Mapping[str, str]]
    port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of the forwarder."""
        return f"https://localhost:{self.port}"

    @property
    def log(self) -> str:
        """What the forwarder wrote."""
        return (self.folder / "forwarder.log").read_text()

    def start(self) -> None:
        """Start the forwarder and wait until it answers."""
        command = self._command("log-forwarder", "forward-logs")
        with (self.folder / "forwarder.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        until(self._answers, 60)

    def stop(self) -> int | None:
        """End it as the kubelet does; returns its exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        process, self.process = self.process, None
        return process.wait(60)

    def retention(self) -> subprocess.CompletedProcess[str]:
        """Run the job once."""
        command = self._command("log-retention", "log-retention")
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def metrics(self) -> str:
        """What the forwarder exports."""
        return httpx2.get(f"http://127.0.0.1:{self.metrics_port}/metrics").text

    def write_secret(self, secret: str, key: str, value: str) -> None:
        """Replace a key of a mounted Secret, as the kubelet does."""
        folder = self.folder / "secrets" / secret
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f".{key}"
        new.write_text(value)
        os.replace(new, folder / key)

    def _command(self, name: str, program: str) -> Sequence[str]:
        for secret, keys in self.values.items():
            for key, value in keys.items():
                if not (self.folder / "secrets" / secret / key).exists():
                    self.write_secret(secret, key, value)
        (text,) = [
            one["data"][f"{name}.toml"]
            for one in objects(self.graph, "ConfigMap")
            if one["metadata"]["name"] == f"{name}-config"
        ]
        text = text.replace(STORE_SECRETS, str(self.folder / "secrets"))
        text = text.replace(INTERNAL_TLS_PATH, str(self.folder / "tls"))
        sections = tomllib.loads(text)
        sections["store"] |= {"url": self.store.url}
        if "listen" in sections:
            sections["listen"] |= {
                **{"host": "127.0.0.1", "port": self.port, "metrics_port": self.metrics_port}
            }
            (self.folder / "tls").mkdir(exist_ok=True)
            for made in self.store.authority.issue("forwarder"):
                shutil.copy(made, self.folder / "tls" / f"tls{made.suffix}")
        if "forwarder" in sections:
            sections["forwarder"] = {"url": self.url, "ca_file": str(self.store.authority.ca_file)}
        config = self.folder / f"{name}.toml"
        config.write_text(tomli_w.dumps(sections))
        return [sys.executable, "-m", "runtime", program, "--config", str(config)]

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        trust = self.store.authority.trust()
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"{self.url}/health", verify=trust).status_code == 200
        return False


@contextlib.contextmanager
def running(store: OpenSearch) -> Generator[OpenSearch]:
    """The node, started and in the end stopped."""
    try:
        store.start()
        yield store
    finally:
        store.stop()
