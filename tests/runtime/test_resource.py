"""A server accepts tokens for the one URL that it advertises, which a client cannot choose."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from runtime.auth_config import AuthSection
from runtime.resource import SCOPE_KEY, MisdirectedError, metadata_url, resource_of
from tests.harness.server import RunningServer, serving
from tests.harness.tokens import ISSUER, Issuer

METADATA = "/.well-known/oauth-protected-resource"
HERE, ELSEWHERE = "https://one.example.com/mcp", "https://other.example.com/mcp"


def auth(**fields: Any) -> AuthSection:
    return AuthSection.model_validate({"issuer": ISSUER, "jwks_file": "jwks.json"} | fields)


def derived(scheme: str = "https", root_path: str = "", **headers: str) -> HTTPConnection:
    sent = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
    scope = {"type": "http", "scheme": scheme, "root_path": root_path, "headers": sent}
    return HTTPConnection(scope)


@pytest.fixture(scope="module")
def named(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    """A server whose resource is configured."""
    section = {"issuer": ISSUER, "resource_url": HERE, "jwks_file": str(issuer.jwks_file)}
    with serving(servers_directory, issuer, auth=section) as server:
        yield server


@pytest.fixture(scope="module")
def unnamed(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    """A server that derives its resource from requests."""
    section = {"issuer": ISSUER, "jwks_file": str(issuer.jwks_file)}
    with serving(servers_directory, issuer, auth=section) as server:
        yield server


def status(server: RunningServer, token: str, **headers: str) -> int:
    return server.post({}, token=token, **headers).status_code


def test_a_token_for_the_advertised_resource_is_accepted(named: RunningServer, issuer: Issuer):
    assert named.get(METADATA).json()["resource"] == HERE
    assert status(named, issuer.token(aud=HERE)) != 401
    assert status(named, issuer.token(aud=["https://x.test", HERE])) != 401


def test_a_token_for_another_server_is_refused_whatever_host_the_client_names(
    named: RunningServer, unnamed: RunningServer, issuer: Issuer
):
    token = issuer.token(aud=ELSEWHERE)
    forged = {"host": "other.example.com", "x_forwarded_host": "other.example.com"}
    proto = {"x_forwarded_proto": "https"}
    assert status(named, token) == 401
    assert status(named, token, **forged, **proto) in (401, 421)
    assert status(unnamed, token, x_forwarded_host="other.example.com", **proto) == 401
    assert status(unnamed, token, **forged, **proto) == 421


def test_a_derived_resource_is_advertised_and_is_the_audience(
    unnamed: RunningServer, issuer: Issuer
):
    advertised = unnamed.get(METADATA).json()["resource"]
    assert advertised == f"{unnamed.base}/mcp"
    assert status(unnamed, issuer.token(aud=advertised)) != 401
    assert status(unnamed, issuer.token(aud=HERE)) == 401
    answer = unnamed.post({}, token=None)
    assert f'resource_metadata="{unnamed.base}{METADATA}/mcp"' in answer.headers["www-authenticate"]


def test_metadata_for_an_unknown_host_is_refused(unnamed: RunningServer):
    answer = unnamed.get(METADATA, headers={"host": "other.example.com"})
    assert answer.status_code == 421
    assert "example.com" not in answer.text


def test_the_resource_has_the_host_and_port_of_x_forwarded_host():
    request = derived("http", host="x", x_forwarded_proto="https", x_forwarded_host="10.1.2.3:8443")
    assert resource_of(auth(forwarded_host=True), request) == "https://10.1.2.3:8443/mcp"


@pytest.mark.parametrize(
    ("patterns", "host", "known"),
    [
        (["*.lambda-url.eu-west-1.on.aws"], "abc.lambda-url.eu-west-1.on.aws", True),
        (["*.lambda-url.eu-west-1.on.aws"], "abc.lambda-url.us-east-1.on.aws", False),
        (["*.lambda-url.eu-west-1.on.aws"], "evil.test", False),
        (["*.run.app"], "run.app", False),
        (["*.run.app"], "a.run.app.evil.test", False),
        (["*.run.app"], "evilXrunXapp", False),
        (["mcp-*.run.app"], "mcp-123.europe-west1.run.app", True),
        (["<address>"], "10.0.0.1", True),
        (["<address>"], "[2001:db8::1]", True),
        (["<address>"], "10.0.0.1.evil.test", False),
        (["<address>"], "evil.test", False),
        (["localhost"], "localhost.evil.test", False),
        (["localhost"], 'localhost"x', False),
        (["localhost"], "localhost/x", False),
        (["localhost"], "x@localhost", False),
        (["localhost"], "", False),
    ],
)
def test_a_resource_is_derived_from_known_hosts_only(patterns: list[str], host: str, known: bool):
    section = auth(resource_hosts=patterns)
    for port in ("", ":8443"):
        if known:
            found = resource_of(section, derived(host=host + port))
            assert found == f"https://{host}{port}/mcp"
        else:
            with pytest.raises(MisdirectedError) as refused:
                resource_of(section, derived(host=host + port))
            assert not host or host not in str(refused.value)


def test_the_root_path_is_part_of_the_resource():
    found = resource_of(auth(), derived(host="localhost", root_path="/api"))
    assert found == "https://localhost/api/mcp"
    assert metadata_url(found) == f"https://localhost/api{METADATA}/mcp"


def test_host_names_are_compared_without_case_and_default_port():
    assert resource_of(auth(), derived(host="LocalHost:443")) == "https://localhost/mcp"
    assert resource_of(auth(), derived("http", host="localhost:80")) == "http://localhost/mcp"


def test_a_configured_resource_url_has_precedence():
    request = derived(host="localhost")
    request.scope[SCOPE_KEY] = ELSEWHERE
    assert resource_of(auth(), request) == ELSEWHERE
    assert resource_of(auth(resource_url=HERE), request) == HERE
    assert resource_of(auth(audience=HERE), request) == HERE


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"additional_resource_urls": [ELSEWHERE]}, "resource_url is not"),
        ({"resource_url": HERE, "additional_resource_urls": [HERE]}, "one host name twice"),
        (
            {"resource_url": HERE, "additional_resource_urls": [f"{ELSEWHERE}", f"{ELSEWHERE}/"]},
            "one host name twice",
        ),
        ({"resource_url": HERE, "additional_resource_urls": ["other.example.com"]}, "pattern"),
    ],
)
def test_urls_at_other_host_names_need_a_first_one_and_differ(fields: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        auth(**fields)


@pytest.mark.parametrize(
    ("headers", "resource"),
    [
        ({"host": "one.example.com"}, HERE),
        ({"host": "other.example.com"}, ELSEWHERE),
        ({"host": "OTHER.example.com:8443"}, ELSEWHERE),
        ({"host": "x.other.example.com"}, HERE),
        ({"host": "one.example.com", "x_forwarded_host": "other.example.com"}, HERE),
        ({"host": "other.example.com, one.example.com"}, HERE),
        ({}, HERE),
    ],
)
def test_the_resource_at_another_host_name_is_that_of_the_name(
    headers: dict[str, str], resource: str
):
    section = auth(resource_url=HERE, additional_resource_urls=[ELSEWHERE])
    assert resource_of(section, derived(**headers)) == resource


def test_behind_a_gateway_the_name_is_the_one_that_the_client_used():
    section = auth(resource_url=HERE, additional_resource_urls=[ELSEWHERE], forwarded_host=True)
    request = derived(host="localhost", x_forwarded_host="other.example.com")
    assert resource_of(section, request) == ELSEWHERE
