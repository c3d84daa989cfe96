"""A real browser runs a page with the SDK's browser client against the gateway."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from shutil import which
from threading import Thread
from typing import Any

import httpx2
import pytest

from tests.harness.certificates import Authority
from tests.harness.network import port
from tests.harness.nginx_gateway import BEHIND, NAME, gateway_pod
from tests.harness.running_pod import run_container
from tests.harness.server import fetch, free_port, serving, until
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

CACHE = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
MODULES = CACHE / "conformance/node_modules"
ALLOWED, FOREIGN, DOMAIN = "inspector.test", "evil.test", "mcp.test"
IMPORTS = {
    "@modelcontextprotocol/client": "/@modelcontextprotocol/client/dist/index.mjs",
    "@modelcontextprotocol/client/_shims": "/@modelcontextprotocol/client/dist/shimsBrowser.mjs",
    "@modelcontextprotocol/core/internal": "/@modelcontextprotocol/core/dist/internal.mjs",
    "eventsource": "/eventsource/dist/index.js",
    "eventsource-parser": "/eventsource-parser/dist/index.js",
    "eventsource-parser/stream": "/eventsource-parser/dist/stream.js",
    "pkce-challenge": "/pkce-challenge/dist/index.browser.js",
    "zod/v4": "/zod/v4/index.js",
}
PAGE = """<!doctype html>
<script type="importmap">{"imports": IMPORTS}</script>
<script type="module">
const tell = (found) => fetch("/found", {method: "POST", body: JSON.stringify(found)});
try {
  const sdk = await import("@modelcontextprotocol/client");
  const metadata = await fetch("BASE/.well-known/oauth-protected-resource/mcp");
  const found = {resource: (await metadata.json()).resource};
  try {
    const client = new sdk.Client({name: "page", version: "1"});
    const headers = {Authorization: "Bearer TOKEN"};
    const options = {requestInit: {headers}};
    const url = new URL("BASE/mcp");
    await client.connect(new sdk.StreamableHTTPClientTransport(url, options));
    const called = await client.callTool({name: "echo", arguments: {text: "from a page"}});
    await tell({...found, text: called.content[0].text});
  } catch (error) {
    await tell({...found, refused: String(error)});
  }
} catch (error) {
  await tell({failed: String(error)});
}
</script>
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[tuple[str, Queue[Any]]]:
    """The port of a page that calls the gateway, and what the page found."""
    directory = tmp_path_factory.mktemp("browser")
    certificate, key = authority.issue("core", [NAME])
    server = {
        "port": free_port(),
        "tls_port": port(BEHIND),
        "tls_cert": str(certificate),
        "tls_key": str(key),
    }
    auth = {"issuer": ISSUER, "resource_url": AUDIENCE, "jwks_file": str(issuer.jwks_file)}
    pages = free_port()
    protocol = {"allowed_origins": [f"http://{ALLOWED}:{pages}"]}
    pod = gateway_pod(directory, authority, domain=DOMAIN)
    with (
        serving(
            directory, issuer, authority.trust(), server=server, auth=auth, protocol=protocol
        ) as running,
        run_container(pod, "gateway") as gateway,
    ):

        def is_open() -> bool:
            assert gateway.process.poll() is None, gateway.log
            try:
                return fetch(f"http://127.0.0.1:{port(8080)}/ready").status_code == 200
            except httpx2.ConnectError:
                return False

        until(is_open)
        text = PAGE.replace("IMPORTS", json.dumps(IMPORTS)).replace("TOKEN", running.token)
        with served(pages, text.replace("BASE", f"https://{DOMAIN}:{port(8443)}")) as found:
            yield str(pages), found


@contextmanager
def served(at: int, text: str) -> Generator[Queue[Any]]:
    """Serve the page and the SDK's modules; yields what the page posts."""
    found: Queue[Any] = Queue()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            file = MODULES / self.path.lstrip("/")
            known = self.path == "/" or file.is_file()
            self.send_response(200 if known else 404)
            kind = "text/html" if self.path == "/" else "text/javascript"
            self.send_header("Content-Type", kind)
            self.end_headers()
            if known:
                self.wfile.write(text.encode() if self.path == "/" else file.read_bytes())

        def do_POST(self) -> None:
            found.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", at), Pages) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def opened(url: str, profile: Path) -> subprocess.Popen[bytes]:
    """Chromium with the page; every name of the test is this machine."""
    unpacked = CACHE / "browser/usr/lib/chromium/chromium"
    program = which("chromium") or (str(unpacked) if unpacked.is_file() else None)
    if program is None or not (MODULES / "@modelcontextprotocol/client").is_dir():
        pytest.skip("no Chromium or no SDK here; get them with tools/browser and tools/conformance")
    libraries = [str(each) for each in (CACHE / "browser/usr/lib").glob("*-linux-gnu")]
    libraries += [f"{each}/pulseaudio" for each in libraries]
    return subprocess.Popen(
        [
            program,
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            "--ignore-certificate-errors",
            f"--user-data-dir={profile}",
            "--host-resolver-rules=MAP *.test 127.0.0.1",
            "--remote-debugging-port=0",
            url,
        ],
        env=os.environ | ({} if which("chromium") else {"LD_LIBRARY_PATH": ":".join(libraries)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def found_by(host: str, page: tuple[str, Queue[Any]], profile: Path) -> dict[str, str]:
    """What the page found from this host."""
    at, found = page
    browser = opened(f"http://{host}:{at}/", profile)
    try:
        return found.get(timeout=60)
    finally:
        browser.kill()
        browser.wait()


def test_a_page_of_an_allowed_origin_calls_a_tool(page: tuple[str, Queue[Any]], tmp_path: Path):
    found = found_by(ALLOWED, page, tmp_path)
    assert found == {"resource": AUDIENCE, "text": "from a page"}


def test_a_page_of_another_origin_is_refused_and_reads_the_metadata_only(
    page: tuple[str, Queue[Any]], tmp_path: Path
):
    found = found_by(FOREIGN, page, tmp_path)
    assert found.keys() == {"resource", "refused"}
    assert "Failed to fetch" in found["refused"]
