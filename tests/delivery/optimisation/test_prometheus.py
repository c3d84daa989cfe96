"""The platform's own Prometheus is asked with the login that a stack names."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final, cast

import pytest

from components.base.problems import ProblemReport
from delivery.kubectl import Kubectl
from delivery.optimisation.prometheus import forwarded
from tests.harness.certificates import Authority
from tests.harness.secret_reader import SecretReader

SPACE: Final = "mcp-monitoring"
EXPECTED: Final = "Basic " + base64.b64encode(b"reader:p:w").decode()


ANSWER: Final = b'{"status": "success", "data": {"result": [{"value": [0, "3"]}]}}'


class Answers(BaseHTTPRequestHandler):
    """A Prometheus with a login."""

    def do_GET(self) -> None:
        known = self.headers.get("authorization") == EXPECTED
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(ANSWER if known else b"Unauthorized")

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def kubectl(tmp_path: Path) -> Generator[Kubectl]:
    authority = Authority.at(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("own", (f"prometheus-service.{SPACE}.svc",)))
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, daemon=True).start()
        secrets = {
            "mcp-internal-ca": {"ca.crt": authority.ca_file.read_text()},
            "prometheus-login": {"username": "reader", "password": "p:w"},
            "old-login": {"username": "reader", "password": "hunter2"},
        }
        yield cast("Kubectl", SecretReader(server.server_port, secrets))
        server.shutdown()


def test_the_login_is_read_from_the_secret_of_the_stack(kubectl: Kubectl):
    asked = forwarded(
        kubectl, SPACE, "prometheus", 9090, "mcp-internal-ca", login="prometheus-login"
    )
    with asked as prometheus:
        assert prometheus.count("up") == 3
        assert "p:w" not in repr(prometheus)


@pytest.mark.parametrize("login", [None, "old-login"])
def test_a_refused_login_is_said(kubectl: Kubectl, login: str | None):
    asked = forwarded(kubectl, SPACE, "prometheus", 9090, "mcp-internal-ca", login=login)
    with asked as prometheus, pytest.raises(ProblemReport, match="refused the login"):
        prometheus.count("up")
