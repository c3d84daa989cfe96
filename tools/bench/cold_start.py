"""Measures a function's cold start: from a fresh interpreter to the first answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from mcp_types.version import LATEST_MODERN_VERSION

from archives.build import Size, build
from archives.hosts import HOSTS, archive_of, native
from delivery.local_certificates import key_set, new_signing_key, private_pem
from delivery.mcp_client import mint

if TYPE_CHECKING:
    from rich.table import Table

RUNS = 10
"""Number of starts of each kind; the fastest counts, because other load only makes them slower."""
LAMBDA = HOSTS["aws-lambda"]
_ISSUER, _AUDIENCE = "https://issuer.test", "https://mcp.test/mcp"
_HOST = "abcdef1234.execute-api.eu-central-1.amazonaws.com"

_ANSWER = """
import sys, time
began = time.perf_counter()
sys.path.insert(0, sys.argv[1])
from qudag_mcp_server.hosts.aws_lambda import handler
import json
class Context:
    get_remaining_time_in_millis = staticmethod(lambda: 30_000)
answer = handler(json.loads(sys.argv[2]), Context)
seconds = time.perf_counter() - began
files = [getattr(module, "__file__", None) for module in sys.modules.values()]
print(json.dumps([seconds, answer, [file for file in files if file]]))
"""
_IMPORT = """
import sys, time
began = time.perf_counter()
sys.path.insert(0, sys.argv[1])
from mcp.server import MCPServer
seconds = time.perf_counter() - began
print(f"[{seconds}]")
"""


@dataclass(frozen=True, kw_only=True)
class ColdStart:
    """Seconds to the first answer, and seconds to import the SDK's server from the same archive."""

    answer: float
    sdk: float
    sizes: tuple[Size, ...]

    @property
    def ratio(self) -> float:
        return self.answer / self.sdk


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start: its duration, the answer, and the loaded files."""

    seconds: float
    answer: Mapping[str, Any]
    loaded: tuple[Path, ...]


def measure(tell: Callable[[str], None]) -> ColdStart:
    """Build every archive, and measure starts of the one for this machine.

    Raises:
        ProblemReport: an archive cannot be built on this machine.
    """
    sizes: list[Size] = []
    for host in HOSTS.values():
        tell(f"cold start: the archive of {host.name}")
        sizes.append(Size.of(host.name, build(host, archive_of(host))))
    host = native(LAMBDA)
    tell("cold start: the archive for this machine")
    archive = build(host, archive_of(host))
    with tempfile.TemporaryDirectory() as name:
        unpack(archive, Path(name, "task"))
        tell("cold start")
        starts = [
            (start(Path(name)).seconds, _run(_IMPORT, str(Path(name, "task")))[0])
            for _ in range(RUNS)
        ]
    answers, imports = zip(*starts, strict=True)
    return ColdStart(answer=min(answers), sdk=min(imports), sizes=tuple(sizes))


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the archive with its file modes, as Lambda does."""
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            Path(zipped.extract(entry, folder)).chmod(entry.external_attr >> 16 & 0o777)


def start(folder: Path) -> Start:
    """Start an interpreter with only ``folder/task`` on its path, which answers a tools/list."""
    key = new_signing_key()
    keys = folder / "jwks.json"
    keys.write_text(json.dumps(key_set(key)))
    auth = {"issuer": _ISSUER, "audience": _AUDIENCE, "jwks_file": str(keys)}
    config = {"auth": auth, "protocol": {"allowed_hosts": [_HOST]}}
    token = mint(private_pem(key), issuer=_ISSUER, audience=_AUDIENCE)
    seconds, answer, loaded = _run(
        _ANSWER,
        str(folder / "task"),
        json.dumps(_event(token)),
        QUDAG_MCP_CONFIG=tomli_w.dumps(config),
    )
    return Start(seconds=seconds, answer=answer, loaded=tuple(map(Path, loaded)))


def _run(program: str, *arguments: str, **environment: str) -> Any:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **environment},
        check=True,
    )
    return json.loads(ran.stdout)


def _event(token: str) -> dict[str, Any]:
    """An event of API Gateway's HTTP API with a tools/list, in payload format 2.0."""
    meta: dict[str, Any] = {
        "io.modelcontextprotocol/protocolVersion": LATEST_MODERN_VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": {"_meta": meta},
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "host": _HOST,
        "mcp-protocol-version": LATEST_MODERN_VERSION,
        "mcp-method": "tools/list",
    }
    return {
        "version": "2.0",
        "rawPath": "/mcp",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {"http": {"method": "POST", "path": "/mcp"}},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def tables(found: ColdStart) -> tuple[Table, ...]:
    """Tables of the start times and of the archives' sizes."""
    from rich.table import Table

    start = Table(title="A function's start: fresh interpreter to first answer")
    for heading in ("× SDK", "first answer, s", "SDK's server imported, s"):
        start.add_column(heading, justify="right")
    start.add_row(f"{found.ratio:.2f}", f"{found.answer:.2f}", f"{found.sdk:.2f}")
    sizes = Table(title="Archives")
    for heading in ("host", "zipped, MB", "unzipped, MB", "files"):
        sizes.add_column(heading, justify="left" if heading == "host" else "right")
    for size in found.sizes:
        sizes.add_row(size.host, f"{size.zipped:.1f}", f"{size.unzipped:.1f}", str(size.files))
    return start, sizes
