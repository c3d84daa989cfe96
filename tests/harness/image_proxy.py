"""The nginx in front of a user's image, and a program in its place."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2

from components.kubernetes.nginx_start import STOPPING
from components.kubernetes.tls_proxy import CLOSING_SECONDS
from components.kubernetes.user_server import UserServer
from tests.harness import programs, record
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.minimal_args import user_server
from tests.harness.network import port
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until

IMAGE = 8000
NAME = "weather-service.any.svc"
HOLD = "x-hold"
"""A request with this header is answered when the test sets `Image.go`."""


class Handler(BaseHTTPRequestHandler):
    """Answers with what it got; streams at /stream until the client has gone."""

    protocol_version = "HTTP/1.1"
    server: Image  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Handle any method without a body."""
        self.answer(b"")

    def do_POST(self) -> None:
        """Handle any method with a body."""
        self.answer(self.rfile.read(int(self.headers.get("content-length", 0))))

    do_DELETE = do_GET

    def answer(self, body: bytes) -> None:
        """Answer as the path says."""
        self.server.received.append(self.path)
        if self.path == "/stream":
            self.stream()
        elif self.path == "/early":
            self.connection.close()
        else:
            self.tell(body)

    def tell(self, body: bytes) -> None:
        """Answer with the request."""
        if self.headers.get(HOLD):
            self.server.go.wait(60)
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = {"method": self.command, "path": self.path, "headers": headers, "body": len(body)}
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def stream(self) -> None:
        """Send an event each time that the test asks for one, until the client has gone."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        number = 0
        while not self.server.end.is_set():
            if self.server.more.acquire(timeout=0.05):
                number += 1
                self.wfile.write(b"data: %d\n\n" % number)
            self.connection.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                if self.connection.recv(1, socket.MSG_PEEK) == b"":
                    self.server.left.set()
                    break
            self.connection.setblocking(True)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class Image(ThreadingHTTPServer):
    """The program in the user's image, over plain HTTP.

    Attributes:
        received: the paths of all requests.
        go: set it to answer the requests that are held back.
        more: release it once for each event of a stream.
        end: set it to end all streams.
        left: set when the client of a stream has gone.
    """

    def __init__(self, address: str, number: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, number), Handler)
        self.received: list[str] = []
        self.go = threading.Event()
        self.more = threading.Semaphore(0)
        self.end = threading.Event()
        self.left = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors: some tests close connections."""


@contextlib.contextmanager
def image(address: str = "127.0.0.1") -> Generator[Image]:
    """Run the image's program."""
    server = Image(address, port(IMAGE))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.go.set()
        server.end.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Proxy:
    """A running nginx in front of an image."""

    def __init__(self, running: RunningContainer, authority: Authority) -> None:
        self.running = running
        self.trust = authority.trust()

    def ask(
        self, path: str = "/mcp", method: str = "POST", *, name: str = NAME, **options: Any
    ) -> httpx2.Response:
        """Send a request over TLS on a connection of its own, at the name of the Service."""
        with httpx2.Client(verify=self.trust, timeout=20) as client:
            return client.request(method, url(path), extensions={"sni_hostname": name}, **options)

    @contextlib.contextmanager
    def events(self) -> Generator[Iterator[str]]:
        """Open a stream and give its events."""
        with (
            httpx2.Client(verify=self.trust, timeout=20) as client,
            client.stream("GET", url("/stream"), extensions={"sni_hostname": NAME}) as answer,
        ):
            yield (line for line in answer.iter_lines() if line)

    def stopping(self) -> bool:
        """Whether it has received SIGTERM."""
        return self.running.run("test", "-e", STOPPING).returncode == 0

    def connect(self) -> ssl.SSLSocket:
        """Open a TLS connection."""
        plain = socket.create_connection(("127.0.0.1", port(8443)), timeout=20)
        return self.trust.wrap_socket(plain, server_hostname=NAME)


def url(path: str) -> str:
    return f"https://127.0.0.1:{port(8443)}{path}"


def proxy_pod(directory: Path, authority: Authority, **given: Any) -> Pod:
    programs.required("nginx")
    certificate, key = authority.issue("weather", [NAME])
    tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
    args = user_server(namespace="any", internal_tls_secret="weather", **given)
    graph = record(lambda: UserServer("weather", args))
    return Pod.recorded(graph, "weather", directory, {"weather": tls})


def accepts(proxy: Proxy) -> bool:
    assert proxy.running.process.poll() is None, proxy.running.log
    with contextlib.suppress(ConnectionRefusedError), proxy.connect():
        return True
    return False


@contextlib.contextmanager
def opened(directory: Path, authority: Authority, **given: Any) -> Generator[Proxy]:
    """Run nginx; it closes connections for 1 s before it stops, not for 3."""
    pod = proxy_pod(directory, authority, **given)
    files = pod.config_maps["weather-tls"]
    assert f"sleep {CLOSING_SECONDS};" in files["start.sh"]
    files["start.sh"] = files["start.sh"].replace(f"sleep {CLOSING_SECONDS};", "sleep 1;")
    with run_container(pod, "tls") as running:
        proxy = Proxy(running, authority)
        until(lambda: accepts(proxy))
        yield proxy
