"""Runs the reference server behind the gateway's nginx on loopback, configured as in a stack."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import tomli_w

from components.base.problems import Problem, ProblemReport
from components.kubernetes.gateway import GatewayArgs, Upstream, nginx_conf
from components.kubernetes.nginx_conf import AUTHORIZED
from components.kubernetes.routes import Route
from delivery.local_certificates import (
    key_set,
    new_authority,
    new_certificate,
    new_signing_key,
    private_pem,
)
from delivery.mcp_client import mint

from ..programs_on_path import environment, find

LONGEST_SECONDS = 300
"""Time limit of a call and so of a stream; all streams must be open at the same time."""
_GONE_WITHIN_SECONDS = 60
NAME = "mcp-core-service.bench.svc"
ROUTE_PATH = "/servers/bench/mcp"
"""Where the gateway checks the token before the same server does."""
_STARTS_WITHIN_SECONDS = 30
_ISSUER, _AUDIENCE = "https://issuer.test", "https://mcp.test/mcp"
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Served:
    """The running server and nginx: their ports, and the client's certificate and token."""

    server: subprocess.Popen[bytes]
    nginx: subprocess.Popen[bytes]
    direct: int
    gateway: int
    ca_file: Path
    token: str

    def kibibytes(self) -> tuple[int, int]:
        """Resident memory of the server, and of nginx with its workers."""
        workers = Path(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children").read_text().split()
        return resident(self.server.pid), sum(map(resident, [self.nginx.pid, *map(int, workers)]))

    def stop_server(self) -> float:
        """Send SIGTERM to the server; returns the seconds until its end."""
        began = time.monotonic()
        self.server.send_signal(signal.SIGTERM)
        self.server.wait(_GONE_WITHIN_SECONDS)
        return time.monotonic() - began


@contextlib.contextmanager
def served(folder: Path) -> Generator[Served]:
    """Run both programs with files in ``folder``; they are killed at the end.

    Raises:
        ProblemReport: nginx is not installed.
    """
    nginx = required_nginx()
    authority, signer = new_authority(), new_signing_key()
    (folder / "ca.crt").write_bytes(authority.public)
    (folder / "jwks.json").write_text(json.dumps(key_set(signer)))
    for name, host in (("edge", "127.0.0.1"), ("internal", NAME)):
        certificate, key = new_certificate(authority, [host, "127.0.0.1"])
        (folder / name).mkdir()
        (folder / name / "tls.crt").write_bytes(certificate)
        (folder / name / "tls.key").write_bytes(key)
    plain, tls, metrics, edge_plain, edge = free_ports(5)
    config = folder / "server.toml"
    config.write_text(tomli_w.dumps(_server_config(folder, plain, tls, metrics)))
    conf = folder / "nginx.conf"
    conf.write_text(_here(folder, edge_plain, edge, tls))
    with (
        started(folder, [sys.executable, "-m", "runtime", "--config", str(config)]) as server,
        started(folder, [nginx, "-c", str(conf), "-g", "daemon off;"]) as gateway,
    ):
        until_ready(folder, [(server, plain), (gateway, edge_plain)])
        yield Served(
            server=server,
            nginx=gateway,
            direct=tls,
            gateway=edge,
            ca_file=folder / "ca.crt",
            token=mint(private_pem(signer), issuer=_ISSUER, audience=_AUDIENCE),
        )


def plain_server(folder: Path, port: int) -> tuple[list[str], str]:
    """The command of a server on plain HTTP with files in ``folder``, and a token for it."""
    signer = new_signing_key()
    (folder / "jwks.json").write_text(json.dumps(key_set(signer)))
    config = _server_config(folder, port, 0, 0)
    config["server"] = {"host": "127.0.0.1", "port": port}
    (folder / "plain.toml").write_text(tomli_w.dumps(config))
    command = [sys.executable, "-m", "runtime", "--config", str(folder / "plain.toml")]
    return command, mint(private_pem(signer), issuer=_ISSUER, audience=_AUDIENCE)


def required_nginx() -> str:
    """The path of nginx.

    Raises:
        ProblemReport: nginx is not installed; says how to install it.
    """
    if path := find("nginx"):
        return path
    problem = Problem(
        "nginx",
        "there is none on this machine",
        "what the gateway costs cannot be measured",
        "run tools/programs (Debian), or install nginx",
    )
    raise ProblemReport([problem])


def _server_config(folder: Path, plain: int, tls: int, metrics: int) -> dict[str, object]:
    return {
        "server": {
            "host": "127.0.0.1",
            "port": plain,
            "tls_port": tls,
            "metrics_port": metrics,
            "tls_cert": str(folder / "internal/tls.crt"),
            "tls_key": str(folder / "internal/tls.key"),
        },
        "protocol": {
            "longest_tool_seconds": LONGEST_SECONDS,
            "drain_seconds": LONGEST_SECONDS + 5,
        },
        "limits": {"messages_per_second": 0, "streams_per_user": 10_000},  # one user asks for all
        "auth": {
            "issuer": _ISSUER,
            "audience": _AUDIENCE,
            "additional_audiences": [_AUDIENCE],  # one token for /mcp and for the route
            "jwks_file": str(folder / "jwks.json"),
        },
        "protected_resources": [{"path": ROUTE_PATH}],
    }


def _here(folder: Path, plain: int, edge: int, upstream: int) -> str:
    """The gateway's configuration as it is rendered, with the pod's places made this folder's."""
    server = Upstream(host="127.0.0.1", port=upstream, certificate_name=NAME)
    args = GatewayArgs(
        namespace="bench",
        image="none",
        upstream=server,
        # The same server again, as that of a user: what is added is the gateway's check.
        routes=[Route(name="bench", upstream=server, forward_token=True)],
        authorizer=server,
        tls_secret="edge",  # noqa: S106  (a Secret's name)
        internal_ca_secret="internal",  # noqa: S106
        issuer=_ISSUER,
    )
    places = {
        "/etc/tls/": f"{folder}/edge/",
        "/etc/internal-ca/": f"{folder}/",
        "/tmp/": f"{folder}/",  # noqa: S108  (the pod's own)
        AUTHORIZED: f"{folder}/authorized",
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
        "listen 8080": f"listen 127.0.0.1:{plain}",
        "listen 8443": f"listen 127.0.0.1:{edge}",
    }
    pattern = "|".join(map(re.escape, places))
    return re.sub(pattern, lambda found: places[found[0]], nginx_conf(args))


@contextlib.contextmanager
def started(folder: Path, argv: Sequence[str]) -> Generator[subprocess.Popen[bytes]]:
    """Run a program with its output in a log file in ``folder``; it is ended afterwards."""
    log = folder / f"{Path(argv[0]).name}.log"
    # Killed outright, the bench leaves nothing running.
    tied = ["setpriv", "--pdeathsig", "TERM"] if which("setpriv") else []
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*tied, *argv],
            cwd=_ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        yield process
    finally:
        process.terminate()  # nginx takes its workers along; killed, it would leave them
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until_ready(folder: Path, started: Sequence[tuple[subprocess.Popen[bytes], int]]) -> None:
    """Wait until each program is ready at its plain port; raises `RuntimeError`."""
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    for process, port in started:
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > deadline:
                said = "\n".join(log.read_text()[-1000:] for log in folder.glob("*.log"))
                raise RuntimeError(f"{process.args} did not start: {said}")
            time.sleep(0.05)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def resident(pid: int) -> int:
    """Resident memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
