"""The gateway's nginx with its rendered configuration: routing, headers, TLS and refusals."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from components.kubernetes.gateway import RateLimit, RateLimits
from tests.harness import programs
from tests.harness.certificates import Authority
from tests.harness.network import port
from tests.harness.nginx_gateway import ALWAYS, BEHIND, NAME, RunningGateway, gateway_pod, is_open
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.stacks import stack
from tests.harness.upstream import HOLD, STREAM, WAIT, upstream


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Generator[RunningGateway]:
    """For tests that leave it as it was."""
    pod = gateway_pod(tmp_path_factory.mktemp("gateway"), authority, max_body="64k")
    shown = authority.issue("core", [NAME])
    with upstream(port(BEHIND), *shown) as behind, run_container(pod, "gateway") as running:
        gateway = RunningGateway(running, behind, authority.trust())
        until(lambda: is_open(gateway))
        yield gateway


VARIANTS: dict[str, dict[str, Any]] = {
    "bare": {},
    "domain": {"domain": "mcp.qudag.com"},
    "limits": {"rate_limits": RateLimits()},
    "old-tls": {"tls_minimum": "1.2"},
    "proxies": {"trusted_proxies": ["10.0.0.0/8", "2001:db8::/32"]},
    "proxy-protocol": {"trusted_proxies": ["10.0.0.0/8"], "proxy_protocol": True},
    "all": {
        "domain": "mcp.qudag.com",
        "rate_limits": RateLimits(api=RateLimit(requests_per_second=1, burst=0)),
        "tls_minimum": "1.2",
        "trusted_proxies": ["10.0.0.0/8"],
        "proxy_protocol": True,
        "hsts_preload": True,
    },
}


def verdict(pod: Pod, container: str) -> str:
    with run_container(pod, container, ["nginx", "-t", "-c", "/etc/nginx/nginx.conf"]) as running:
        assert running.exit_status() == 0, running.log
        return running.log


@pytest.mark.parametrize("given", VARIANTS.values(), ids=VARIANTS)
def test_nginx_accepts_every_variant_without_a_warning(
    tmp_path: Path, authority: Authority, given: dict[str, Any]
):
    assert "[warn]" not in verdict(gateway_pod(tmp_path, authority, **given), "gateway")


@pytest.mark.parametrize(
    ("name", "workload", "container"),
    [
        ("dev", "mcp-server", "gateway"),
        ("staging", "mcp-gateway", "mcp-gateway"),
        ("prod", "mcp-gateway", "mcp-gateway"),
    ],
)
def test_nginx_accepts_the_configuration_of_every_stack(
    tmp_path: Path, authority: Authority, name: str, workload: str, container: str
):
    programs.required("nginx")
    certificate, key = authority.issue("edge")
    tls = {"tls.crt": certificate.read_text(), "tls.key": key.read_text()}
    secrets = {"mcp-tls-secret": tls, "mcp-internal-ca": {"ca.crt": authority.ca_file.read_text()}}
    pod = Pod.recorded(stack(name), workload, tmp_path, secrets)
    pod.hosts = re.findall(
        r"server ([a-z.-]+\.svc[a-z.]*):", pod.config_maps[f"{workload}-nginx"]["nginx.conf"]
    )
    assert "[warn]" not in verdict(pod, container)


def test_a_configuration_that_cannot_be_read_is_a_failed_start(
    tmp_path: Path, authority: Authority
):
    pod = gateway_pod(tmp_path, authority)
    pod.config_maps["gateway-nginx"]["nginx.conf"] = "worker_processes none;"
    with run_container(pod, "gateway") as running:
        assert running.exit_status() == 1


def test_only_tls_1_3_is_spoken(gateway: RunningGateway, authority: Authority):
    old = authority.trust()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx2.ConnectError, match="alert protocol version"):
        httpx2.get(f"https://127.0.0.1:{port(8443)}/mcp", verify=old)
    assert gateway.ask().status_code == 200


def test_tls_1_2_where_it_is_allowed_has_forward_secrecy(opened: Any, authority: Authority):
    old = authority.trust()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with opened(tls_minimum="1.2"):
        assert httpx2.get(f"https://127.0.0.1:{port(8443)}/mcp", verify=old).status_code == 200
        old.set_ciphers("ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256:@SECLEVEL=0")
        with pytest.raises(httpx2.ConnectError, match="handshake failure"):
            httpx2.get(f"https://127.0.0.1:{port(8443)}/mcp", verify=old)


def test_an_upstream_of_another_authority_gets_no_request(opened: Any, tmp_path: Path):
    (tmp_path / "other").mkdir()
    with opened(Authority.at(tmp_path / "other").issue("core", [NAME])) as gateway:
        answer = gateway.ask(headers={"authorization": "Bearer secret"})
        assert answer.status_code == 502
        assert ALWAYS.items() <= dict(answer.headers).items()
        assert gateway.behind.received == []


def test_an_upstream_of_another_name_gets_no_request(opened: Any, authority: Authority):
    with opened(authority.issue("other", ["mcp-auth-service.any.svc"])) as gateway:
        assert gateway.ask().status_code == 502
        assert gateway.behind.received == []


@pytest.mark.parametrize("domain", [None, "mcp.qudag.com"])
def test_plain_http_is_sent_to_https_with_its_method(opened: Any, domain: str | None):
    with opened(domain=domain) as gateway:
        answer = gateway.ask_plain("/mcp?a=b", "POST", headers={"host": "asked.test"})
        host = domain or "asked.test"
        assert (answer.status_code, answer.headers["location"]) == (308, f"https://{host}/mcp?a=b")
        assert gateway.behind.received == []


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_probes_are_answered_without_the_upstream(gateway: RunningGateway, path: str):
    before = list(gateway.behind.received)
    assert (gateway.ask_plain(path).status_code, gateway.ask_plain(path).text) == (200, "ok\n")
    assert gateway.behind.received == before


@pytest.mark.parametrize("path", ["/", "/mcp/x", "/mcpx", "/ready", "/metrics", "/.well-known/x"])
def test_unknown_paths_get_404_and_are_not_forwarded(gateway: RunningGateway, path: str):
    answer = gateway.ask(path)
    assert answer.status_code == 404
    assert ALWAYS.items() <= dict(answer.headers).items()
    assert path not in gateway.behind.received


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_with_a_trailing_slash_is_forwarded_without_it(gateway: RunningGateway, method: str):
    before = len(gateway.behind.received)
    assert gateway.ask("/mcp/", method=method).status_code == 200
    assert gateway.behind.received[before:] == ["/mcp"]


def test_every_answer_of_the_upstream_carries_the_headers(gateway: RunningGateway):
    answer = gateway.ask()
    assert ALWAYS.items() <= dict(answer.headers).items()
    assert answer.headers["server"] == "nginx"


def test_a_body_above_the_limit_is_refused(gateway: RunningGateway):
    assert gateway.ask(method="POST", content=b" " * 64 * 1024).status_code == 200
    passed = len(gateway.behind.received)
    answer = gateway.ask(method="POST", content=b" " * (64 * 1024 + 1))
    assert answer.status_code == 413
    assert ALWAYS.items() <= dict(answer.headers).items()
    assert len(gateway.behind.received) == passed


def test_forwarded_headers_of_a_client_are_replaced(gateway: RunningGateway):
    said = {
        "host": "asked.test:8443",
        "x-forwarded-for": "1.2.3.4",
        "x-forwarded-host": "evil.test",
        "x-forwarded-proto": "http",
        "x-real-ip": "1.2.3.4",
        "x-request-id": "made-up",
    }
    arrived = gateway.ask(headers=said).json()["headers"]
    assert re.fullmatch("[0-9a-f]{32}", arrived.pop("x-request-id"))
    assert {name: arrived[name] for name in said if name in arrived} == {
        "host": "asked.test",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-host": "asked.test:8443",
        "x-forwarded-proto": "https",
        "x-real-ip": "127.0.0.1",
    }


def test_the_trace_and_the_token_are_passed_on_and_only_the_trace_is_logged(
    gateway: RunningGateway,
):
    sent = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    token = {"authorization": "Bearer word-of-honour"}
    arrived = gateway.ask("/mcp?secret=1", headers=sent | token).json()["headers"]
    assert (sent | token).items() <= arrived.items()
    until(lambda: '"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"' in gateway.running.log)
    assert "word-of-honour" not in gateway.running.log
    assert "secret=1" not in gateway.running.log


def test_an_upgraded_connection_carries_bytes_both_ways(gateway: RunningGateway):
    plain = socket.create_connection(("127.0.0.1", port(8443)), timeout=5)
    with gateway.trust.wrap_socket(plain, server_hostname="localhost") as connection:
        head = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        connection.sendall(head)
        answers = connection.makefile("rb")
        assert answers.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        while answers.readline() != b"\r\n":
            pass
        connection.sendall(b"echo\n")
        assert answers.readline() == b"echo\n"


def test_events_of_an_open_stream_are_forwarded_immediately(gateway: RunningGateway):
    url = f"https://127.0.0.1:{port(8443)}/mcp{STREAM}"
    with httpx2.stream("GET", url, verify=gateway.trust, headers={WAIT: "2"}) as answer:
        arrivals = [(time.monotonic(), line) for line in answer.iter_lines() if line]
    assert [line for _, line in arrivals] == ["data: first", "data: last"]
    assert arrivals[1][0] - arrivals[0][0] > 1


def test_an_upgrade_is_asked_of_the_server_for_a_websocket_only(gateway: RunningGateway):
    asked = {"connection": "upgrade", "upgrade": "websocket"}
    arrived = gateway.ask("/mcp", headers=asked).json()["headers"]
    assert not {"connection", "upgrade"} & arrived.keys()


def test_a_stop_lets_the_call_in_flight_finish_and_takes_no_new_one(opened: Any):
    answers: list[int] = []
    with opened() as gateway:
        call = threading.Thread(
            target=lambda: answers.append(gateway.ask(headers={HOLD: "1"}).status_code)
        )
        call.start()
        until(lambda: gateway.behind.received)
        gateway.running.terminate()
        until(lambda: refuses(8443) and refuses(8080))
        assert answers == []
        gateway.behind.go.set()
        assert gateway.running.exit_status() == 0
        call.join()
    assert answers == [200]


def refuses(number: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port(number))).close()
    except ConnectionRefusedError:
        return True
    return False
