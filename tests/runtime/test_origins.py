"""Checks of `Host` and `Origin`, and CORS headers."""

from __future__ import annotations

import socket
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from tests.harness.server import RunningServer, initialize_request, serving
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

PAGE = "https://inspector.example.com"
DOMAIN = "mcp.qudag.com"
METADATA = (
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
)
SENT_BY_CLIENTS = (
    *("authorization", "content-type", "accept", "mcp-protocol-version", "mcp-session-id"),
    *("mcp-method", "mcp-name", "mcp-param-city", "last-event-id", "traceparent"),
)
READ_BY_CLIENTS = ("mcp-session-id", "www-authenticate", "mcp-protocol-version", "retry-after")


def auth(issuer: Issuer) -> dict[str, str]:
    """A configured resource, so that the tokens hold under every host."""
    return {"issuer": ISSUER, "resource_url": AUDIENCE, "jwks_file": str(issuer.jwks_file)}


@pytest.fixture(scope="module")
def named(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    """A server with a domain, which one page may call."""
    protocol = {"allowed_hosts": [DOMAIN], "allowed_origins": [PAGE]}
    with serving(servers_directory, issuer, protocol=protocol, auth=auth(issuer)) as server:
        yield server


@pytest.fixture(scope="module")
def unnamed(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    """A server without a domain, as in development, behind a load balancer of AWS."""
    protocol = {"allowed_hosts": ["*.elb.amazonaws.com"]}
    with serving(servers_directory, issuer, protocol=protocol, auth=auth(issuer)) as server:
        yield server


def preflight(server: RunningServer, path: str, origin: str, **headers: str) -> httpx2.Response:
    sent = {"host": DOMAIN, "origin": origin, "access-control-request-method": "POST"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.options(server.base + path, headers=sent)


def words(response: httpx2.Response, header: str) -> set[str]:
    return {word.strip().lower() for word in response.headers.get(header, "").split(",")}


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_a_preflight_from_an_allowed_origin_needs_no_token(named: RunningServer, path: str):
    asked = ", ".join(SENT_BY_CLIENTS)
    answer = preflight(named, path, PAGE, access_control_request_headers=asked)
    assert answer.is_success
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert words(answer, "access-control-allow-headers") >= set(SENT_BY_CLIENTS)
    assert words(answer, "access-control-allow-methods") >= {"get", "post", "delete"}
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("token", ["", None])
def test_a_page_of_an_allowed_origin_can_read_answers_and_refusals(
    named: RunningServer, token: str | None
):
    answer = named.post(initialize_request(), token=token, host=DOMAIN, origin=PAGE)
    assert answer.status_code == (200 if token == "" else 401)
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert words(answer, "access-control-expose-headers") >= set(READ_BY_CLIENTS)
    assert "origin" in words(answer, "vary")


FOREIGN = [
    "https://evil.test",
    "null",
    "http://inspector.example.com",
    "https://inspector.example.com.evil.test",
    "https://inspector.example.com:444",
    f"http://{DOMAIN}",
    f"https://{DOMAIN}.evil.test",
    "http://localhost:6274",
    "https://[",
    "",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_is_refused_before_its_token_is_read(
    named: RunningServer, origin: str
):
    answers = [
        preflight(named, "/mcp", origin),
        named.post(initialize_request(), host=DOMAIN, origin=origin),
        named.post(initialize_request(), token=None, host=DOMAIN, origin=origin),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert not [a for a in answers if "access-control-allow-origin" in a.headers]
    assert "protocol.allowed_origins" in answers[0].text


@pytest.mark.parametrize("origin", [PAGE, "https://evil.test", None])
@pytest.mark.parametrize("path", METADATA)
def test_the_metadata_is_readable_from_any_origin(
    named: RunningServer, path: str, origin: str | None
):
    sent = {"host": DOMAIN} | ({"origin": origin} if origin else {})
    answer = named.get(path, headers=sent)
    assert answer.status_code == 200
    # Without an Origin too: a browser's cache would keep the answer for a page's later request.
    assert answer.headers["access-control-allow-origin"] == "*"
    allowed = preflight(
        named,
        path,
        origin or PAGE,
        access_control_request_method="GET",
        access_control_request_headers="mcp-protocol-version",
    )
    assert allowed.is_success
    assert "mcp-protocol-version" in words(allowed, "access-control-allow-headers")


REBINDING = [
    "evil.test",
    "127.0.0.1.evil.test",
    "localhost.evil.test",
    "elb.amazonaws.com.evil.test",
]


@pytest.mark.parametrize("host", REBINDING)
def test_an_unknown_host_is_refused_without_a_domain(unnamed: RunningServer, host: str):
    assert unnamed.post({}, host=host).status_code == 421
    assert unnamed.post({}, host=host, origin=f"http://{host}").status_code == 421
    assert unnamed.get(METADATA[0], headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["a" * 260, "a" * 30_000, "a" * 254 + ".elb.amazonaws.com"])
def test_a_name_that_no_host_can_have_is_refused(unnamed: RunningServer, host: str):
    """Local names are known always, and names that were looked at once stay in memory."""
    assert unnamed.post({}, token=None, host=host).status_code == 421


LOAD_BALANCER = "k8s-1.eu-central-1.elb.amazonaws.com"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8443", "http://localhost:6274"),
        ("127.0.0.1:8443", "http://127.0.0.1:8443"),
        ("[::1]:8443", "http://[::1]:8443"),
        ("10.20.0.7", "http://localhost:6274"),
        ("10.20.0.7", "https://10.20.0.7"),
        (LOAD_BALANCER, f"https://{LOAD_BALANCER}"),
        ("mcp-core-service.mcp.svc.cluster.local", None),
        ("mcp-core-service", None),
        (LOAD_BALANCER, None),
    ],
)
def test_load_balancer_and_local_host_names_are_accepted_without_a_domain(
    unnamed: RunningServer, host: str, origin: str | None
):
    answer = unnamed.post(initialize_request(), host=host, **({"origin": origin} if origin else {}))
    assert answer.status_code == 200
    assert answer.headers.get("access-control-allow-origin") == origin


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1", "https://evil.test"),
        ("10.20.0.7", "http://10.20.0.8"),
        (LOAD_BALANCER, "https://other.eu-central-1.elb.amazonaws.com"),
        (LOAD_BALANCER, "http://localhost:6274"),
    ],
)
def test_another_origin_is_refused_without_a_domain(unnamed: RunningServer, host: str, origin: str):
    assert unnamed.post(initialize_request(), host=host, origin=origin).status_code == 403


@pytest.mark.parametrize("path", ["/mcp/", "/health/", f"{METADATA[1]}/"])
def test_a_trailing_slash_gives_the_same_status(named: RunningServer, path: str):
    def status(of: str) -> int:
        return named.get(of, headers={"host": DOMAIN}, follow_redirects=False).status_code

    assert status(path) == status(path.removesuffix("/"))


def test_a_session_can_be_opened_at_the_path_with_a_slash(named: RunningServer):
    headers = {
        "authorization": f"Bearer {named.token}",
        "accept": "application/json, text/event-stream",
        "host": DOMAIN,
    }
    answer = httpx2.post(f"{named.base}/mcp/", json=initialize_request(), headers=headers)
    assert answer.status_code == 200
    assert "mcp-session-id" in answer.headers


@pytest.mark.parametrize("path", ["/mcp/", "/mcp//", "/MCP", "//mcp", "/ws/", "/none/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_the_server_never_redirects(named: RunningServer, method: str, path: str):
    port = named.config["server"]["port"]
    with socket.create_connection(("127.0.0.1", port), 5) as raw:
        request = f"{method} {path} HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n"
        raw.sendall(request.encode())
        head = raw.recv(4096).decode()
    assert head.split()[1][0] != "3", head
    assert "location:" not in head.lower()
