"""Measures what a call and a stream cost that go through a federating server, all over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from delivery.local_certificates import (
    key_set,
    new_authority,
    new_certificate,
    new_signing_key,
    private_pem,
)
from delivery.mcp_client import mint

from .load import Ask, Stream, latencies, streams
from .raw_requests import HOST, modern_post
from .running_server import LONGEST_SECONDS, free_ports, resident, started, until_ready

if TYPE_CHECKING:
    import ssl

    from rich.table import Table

STREAMS, REQUESTS = 1_000, 1_000
DIRECT, FEDERATED = "direct", "federated"
_ISSUER, _AUDIENCE = "https://issuer.test", "https://mcp.test/mcp"


@dataclass(frozen=True, kw_only=True)
class Federated:
    """The results.

    Attributes:
        direct_ms, federated_ms: median latency of a call of `echo` at a server, and of the same
            through the server in front of another one.
        direct_kib, federated_kib: memory of the server that a client is connected to, for each open
            stream of a call with progress.
    """

    direct_ms: float
    federated_ms: float
    streams: int
    direct_kib: float
    federated_kib: float

    @property
    def added_ms(self) -> float:
        return self.federated_ms - self.direct_ms

    @property
    def memory_ratio(self) -> float:
        return self.federated_kib / self.direct_kib


@dataclass(frozen=True)
class _Servers:
    """A server that is called directly, and one in front of another."""

    direct: tuple[subprocess.Popen[bytes], int]
    front: tuple[subprocess.Popen[bytes], int]
    ca_file: Path
    token: str


def measure(
    tell: Callable[[str], None], *, streams: int = STREAMS, requests: int = REQUESTS
) -> Federated:
    """Run the servers, and measure them one after the other."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as name, _running(Path(name)) as servers:
        tell("federation: latency and streams")
        return asyncio.run(_measured(servers, streams, requests))


def table(found: Federated) -> Table:
    """The table, what federation adds first."""
    from rich.table import Table

    shown = Table(title="Through a federating server, over TLS on loopback")
    for heading in (
        "adds ms", "p50 ms, direct", "federated", "memory ×", "KiB a stream, direct", "federated",
    ):  # fmt: skip
        shown.add_column(heading, justify="right")
    shown.add_row(
        f"{found.added_ms:.2f}",
        f"{found.direct_ms:.2f}",
        f"{found.federated_ms:.2f}",
        f"{found.memory_ratio:.2f}",
        f"{found.direct_kib:.0f}",
        f"{found.federated_kib:.0f}",
    )
    return shown


async def _measured(servers: _Servers, wanted: int, requests: int) -> Federated:
    import ssl

    trust = ssl.create_default_context(cafile=servers.ca_file)
    (direct, direct_port), (front, front_port) = servers.direct, servers.front
    asks = [
        _echo(DIRECT, direct_port, "echo", servers.token),
        _echo(FEDERATED, front_port, "back__echo", servers.token),
    ]
    await latencies(asks, max(20, requests // 10), trust)
    seconds = await latencies(asks, requests, trust)
    medians = {name: 1000 * statistics.median(taken) for name, taken in seconds.items()}
    direct_kib = await _memory(direct.pid, _count(direct_port, "count", servers), wanted, trust)
    front_kib = await _memory(front.pid, _count(front_port, "back__count", servers), wanted, trust)
    return Federated(
        direct_ms=medians[DIRECT],
        federated_ms=medians[FEDERATED],
        streams=wanted,
        direct_kib=direct_kib,
        federated_kib=front_kib,
    )


async def _memory(pid: int, ask: Ask, wanted: int, trust: ssl.SSLContext) -> float:
    """KiB of the process for each open stream."""
    before = resident(pid)
    held: list[Stream] = await streams(ask, wanted, trust)
    after = resident(pid)
    for stream in held:
        stream.connection.close()
    return (after - before) / wanted


def _echo(name: str, port: int, tool: str, token: str) -> Ask:
    request = modern_post("tools/call", token, name=tool, arguments={"text": "bench"})
    return Ask(name=name, port=port, request=request, expected='"text":"bench"')


def _count(port: int, tool: str, servers: _Servers) -> Ask:
    """A call that reports progress at once, and ends after the bench."""
    arguments = {"to": 2, "pause_seconds": LONGEST_SECONDS - 10}
    request = modern_post(
        "tools/call", servers.token, progress=True, name=tool, arguments=arguments
    )
    return Ask(name=tool, port=port, request=request, expected="notifications/progress")


@contextlib.contextmanager
def _running(folder: Path) -> Generator[_Servers]:
    authority, signer = new_authority(), new_signing_key()
    (folder / "ca.crt").write_bytes(authority.public)
    (folder / "jwks.json").write_text(json.dumps(key_set(signer)))
    certificate, key = new_certificate(authority, [HOST])
    (folder / "tls.crt").write_bytes(certificate)
    (folder / "tls.key").write_bytes(key)
    with contextlib.ExitStack() as stack:

        def start(role: str, *behind: int) -> tuple[subprocess.Popen[bytes], int]:
            plain, tls = free_ports(2)
            config = folder / f"{plain}.toml"
            config.write_text(tomli_w.dumps(_config(folder, role, plain, tls, behind)))
            argv = [sys.executable, "-m", "runtime", "--config", str(config)]
            process = stack.enter_context(started(folder, argv))
            until_ready(folder, [(process, plain)])
            return process, tls

        direct = start("tools")
        _, back = start("tools")
        front = start("core", back)
        token = mint(private_pem(signer), issuer=_ISSUER, audience=_AUDIENCE)
        yield _Servers(direct, front, folder / "ca.crt", token)


def _config(
    folder: Path, role: str, plain: int, tls: int, behind: tuple[int, ...]
) -> dict[str, Any]:
    ca_file = str(folder / "ca.crt")
    return {
        "server": {
            "host": HOST,
            "role": role,
            "port": plain,
            "tls_port": tls,
            "tls_cert": str(folder / "tls.crt"),
            "tls_key": str(folder / "tls.key"),
        },
        "protocol": {
            "era": "modern",
            "longest_tool_seconds": LONGEST_SECONDS,
            "drain_seconds": LONGEST_SECONDS + 5,
        },
        "limits": {"messages_per_second": 0, "streams_per_user": 10_000},
        "auth": {
            "issuer": _ISSUER,
            "audience": _AUDIENCE,
            "jwks_file": str(folder / "jwks.json"),
        },
        "tool_servers": [
            {
                "name": "back",
                "url": f"https://{HOST}:{port}/mcp",
                "ca_file": ca_file,
                "era": "modern",
            }
            for port in behind
        ],
    }
