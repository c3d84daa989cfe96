"""Runs agentgateway with a rendered configuration, where this machine has the program."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from components.kubernetes.agentgateway_args import Agentgateway
from components.kubernetes.agentgateway_config import METRICS, READY
from components.kubernetes.gateway import Gateway, GatewayArgs, GatewayEngine, Upstream
from components.kubernetes.routes import Route

from . import record
from .certificates import Authority
from .graph_queries import objects
from .network import port
from .nginx_gateway import BEHIND, NAME
from .recording_server import recording_server
from .routed_gateway import (
    DOMAIN,
    FILES,
    OWN_HOST,
    RESOURCES,
    SCOPE,
    WEATHER,
    RoutedGateway,
    route,
)
from .server import free_port, serving, until
from .tokens import ISSUER, Issuer

PROGRAM: Final = os.environ.get("AGENTGATEWAY") or shutil.which("agentgateway")
ABSENT: Final = "agentgateway is not on PATH, and AGENTGATEWAY does not name it"


@dataclass
class RunningProgram:
    """The program and its log."""

    process: subprocess.Popen[bytes]
    file: Path

    @property
    def log(self) -> str:
        return self.file.read_text()


def rendered(**given: Any) -> str:
    """The configuration that a gateway of these args mounts."""
    fields: dict[str, Any] = {
        "namespace": "any",
        "image": "registry.example.com/agentgateway:1.4.1",
        "engine": GatewayEngine.AGENTGATEWAY,
        "upstream": Upstream(host="127.0.0.1", port=BEHIND, certificate_name=NAME),
        "tls_secret": "edge",
        "internal_ca_secret": "internal",
        "issuer": ISSUER,
        "domain": DOMAIN,
        "agentgateway": Agentgateway(jwks_secret="issuer-keys", scopes={"weather": [SCOPE]}),
        **given,
    }
    args = GatewayArgs(**fields)
    (files,) = objects(record(lambda: Gateway("gateway", args)), "ConfigMap")
    return files["data"]["config.json"]


def written(directory: Path, text: str, mounted: Mapping[str, Path]) -> Path:
    """A configuration in ``directory``, with files of this machine in place of mounted ones."""
    for path, file in mounted.items():
        text = text.replace(f'"{path}"', f'"{file}"')
    made = directory / "config.json"
    made.write_text(text)
    return made


@contextlib.contextmanager
def started(config: Path) -> Generator[RunningProgram]:
    """Run the program until the end of the block; it is ready then."""
    assert PROGRAM is not None
    file = config.with_suffix(".log")
    with file.open("wb") as log:
        process = subprocess.Popen([PROGRAM, "-f", str(config)], stdout=log, stderr=log)
    running = RunningProgram(process, file)
    try:
        until(lambda: _is_ready(running), 60)
        yield running
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def routed_by_agentgateway(
    directory: Path, authority: Authority, issuer: Issuer, **given: Any
) -> Generator[RoutedGateway]:
    """agentgateway, a server that lists the tools of all, and two servers of users behind it."""
    certificate, key = authority.issue("core", [NAME])
    listing = {"port": free_port(), "tls_port": port(BEHIND), "role": "core"}
    certificates = {
        name: authority.issue(name, [f"{name}.any.svc", "localhost"])
        for name in ("weather", "files")
    }
    tools = [
        {
            "name": "weather",
            "url": f"https://localhost:{port(WEATHER)}/mcp",
            "ca_file": str(authority.ca_file),
            "scopes": [SCOPE],
            "send_user": True,
        }
    ]
    edge = authority.issue("edge")
    mounted = {
        "/etc/tls/tls.crt": edge[0],
        "/etc/tls/tls.key": edge[1],
        "/etc/internal-ca/ca.crt": authority.ca_file,
        "/etc/issuer/jwks.json": issuer.jwks_file,
    }
    routes: list[Route] = [
        route("weather", WEATHER, hostname=OWN_HOST),
        route("files", FILES, path="/api/mcp"),
    ]
    text = rendered(**{"routes": routes, **given})
    with (
        recording_server("weather", port(WEATHER), certificates["weather"]) as weather,
        recording_server("files", port(FILES), certificates["files"], "/api/mcp") as files,
        serving(
            directory,
            issuer,
            authority.trust(),
            server={**listing, "tls_cert": str(certificate), "tls_key": str(key)},
            auth={
                "issuer": ISSUER,
                "jwks_file": str(issuer.jwks_file),
                "resource_url": RESOURCES["platform"],
            },
            tool_servers=tools,
        ) as core,
        started(written(directory, text, mounted)) as running,
    ):
        weather.received.clear()
        yield RoutedGateway(running, None, authority.trust(), core, weather, files, issuer)  # pyright: ignore[reportArgumentType]


def metrics() -> str:
    """What Prometheus reads."""
    return httpx2.get(f"http://127.0.0.1:{METRICS}/metrics").text


def _is_ready(running: RunningProgram) -> bool:
    assert running.process.poll() is None, running.log
    try:
        return httpx2.get(f"http://127.0.0.1:{READY}/healthz/ready").status_code == 200
    except httpx2.TransportError:
        return False
