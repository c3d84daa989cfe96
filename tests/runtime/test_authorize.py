"""The server checks tokens for other servers, and answers the gateway's `auth_request`."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.harness.server import RunningServer, fetch, run_program, serving, settings, write_config
from tests.harness.tokens import ISSUER, Issuer

HERE = "https://mcp.example.com"
WEATHER, FILES = f"{HERE}/servers/weather/mcp", f"{HERE}/servers/files/mcp"
OWN_HOST = "https://weather.example.com/mcp"
RESOURCES: list[Any] = [
    {
        "path": "/servers/weather/mcp",
        "hostname": "weather.example.com",
        "scopes": ["weather.read", "weather.write"],
    },
    {"path": "/servers/files/mcp"},
]
SCOPES = "base weather.read weather.write"
METADATA = "/.well-known/oauth-protected-resource"


@pytest.fixture(scope="module")
def server(servers_directory: Path, issuer: Issuer) -> Generator[RunningServer]:
    section = {
        "issuer": ISSUER,
        "resource_url": f"{HERE}/mcp",
        "jwks_file": str(issuer.jwks_file),
        "required_scopes": ["base"],
        "clock_skew_seconds": 10,
        "additional_issuers": [
            {"issuer": "https://other.test", "jwks_file": str(issuer.jwks_file)}
        ],
    }
    with serving(servers_directory, issuer, auth=section, protected_resources=RESOURCES) as server:
        yield server


def asked(
    server: RunningServer,
    token: str | None,
    path: str | None = "/servers/weather/mcp",
    host: str | None = None,
    **headers: str,
) -> httpx2.Response:
    """What the gateway asks."""
    sent = {"x-resource-path": path, "x-resource-host": host}
    sent["authorization"] = f"Bearer {token}" if token else None
    given = {name: value for name, value in sent.items() if value is not None}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.get("/authorize", headers=given | named)


def challenge(answer: httpx2.Response) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["www-authenticate"]))


def test_a_valid_token_is_answered_with_the_user(server: RunningServer, issuer: Issuer):
    answer = asked(server, issuer.token(aud=WEATHER, scope=f"{SCOPES} more", client_id="web"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-user"] == "ada"
    assert answer.headers["x-user-scopes"] == f"{SCOPES} more"
    assert answer.headers["x-user-client"] == "web"
    assert answer.headers["cache-control"] == "max-age=5"


def test_a_user_of_an_additional_issuer_is_named_with_it(server: RunningServer, issuer: Issuer):
    answer = asked(server, issuer.token(aud=WEATHER, scope=SCOPES, iss="https://other.test"))
    assert answer.headers["x-user"] == "https://other.test#ada"


@pytest.mark.parametrize("subject", ["Ünï", " ada", "ada ", "%61da", "a,b;c\\"])
def test_no_two_users_have_one_name_in_the_header(
    server: RunningServer, issuer: Issuer, subject: str
):
    answer = asked(server, issuer.token(aud=WEATHER, scope=SCOPES, sub=subject))
    named = answer.headers["x-user"]
    assert httpx2.URL(f"http://x/{named.replace('#', '%23').replace('?', '%3F')}").path == (
        f"/{subject}"
    )
    assert named != "ada"
    assert named.isascii()


def test_a_scope_with_a_space_is_not_two_scopes(server: RunningServer, issuer: Issuer):
    claims: dict[str, Any] = {"scope": None, "scp": [*SCOPES.split(), "files.read admin"]}
    answer = asked(server, issuer.token(aud=WEATHER, **claims))
    assert answer.headers["x-user-scopes"].split() == [*SCOPES.split(), "files.read%20admin"]


REFUSED: dict[str, tuple[dict[str, Any] | None, int, str]] = {
    "no token": (None, 401, "unauthorized"),
    "the platform's own token": ({"aud": f"{HERE}/mcp"}, 401, "invalid_token"),
    "another server's token": ({"aud": FILES}, 401, "invalid_token"),
    "a token for its other address": ({"aud": OWN_HOST}, 401, "invalid_token"),
    "an expired token": ({"lives_seconds": -60}, 401, "invalid_token"),
    "a token of another issuer": ({"iss": "https://evil.test"}, 401, "invalid_token"),
    "a scope is missing": ({"scope": "base weather.read"}, 403, "insufficient_scope"),
    "the platform's scope is missing": (
        {"scope": "weather.read weather.write"},
        403,
        "insufficient_scope",
    ),
}


@pytest.mark.parametrize(("claims", "status", "error"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_metadata_and_scopes_of_that_server(
    server: RunningServer, issuer: Issuer, claims: dict[str, Any] | None, status: int, error: str
):
    given: dict[str, Any] = {"aud": WEATHER, "scope": SCOPES}
    token = None if claims is None else issuer.token(**given | claims)
    answer = asked(server, token)
    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert challenge(answer)["resource_metadata"] == f"{HERE}{METADATA}/servers/weather/mcp"
    assert challenge(answer)["scope"] == SCOPES
    assert challenge(answer).get("error") == (None if token is None else error)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-refusal"].encode() == answer.content.replace(b'":"', b'": "').replace(
        b'","', b'", "'
    )
    assert not {"x-user", "x-user-scopes", "x-user-client"} & answer.headers.keys()


def test_a_server_without_scopes_of_its_own_needs_those_of_the_platform(
    server: RunningServer, issuer: Issuer
):
    path = "/servers/files/mcp"
    assert asked(server, issuer.token(aud=FILES, scope="base"), path).status_code == 200
    assert challenge(asked(server, None, path))["scope"] == "base"


def test_at_its_own_host_name_a_server_is_another_resource(server: RunningServer, issuer: Issuer):
    host = "weather.example.com"
    token = issuer.token(aud=OWN_HOST, scope=SCOPES)
    assert asked(server, token, host=host).status_code == 200
    answer = asked(server, issuer.token(aud=WEATHER, scope=SCOPES), host=host)
    assert answer.status_code == 401
    assert challenge(answer)["resource_metadata"] == (f"https://weather.example.com{METADATA}/mcp")


@pytest.mark.parametrize(
    ("path", "host"),
    [
        (None, None),
        ("", None),
        ("/mcp", None),
        ("/servers/other/mcp", None),
        ("/servers/weather/mcp/", None),
        ("/servers/weather/mcp", "other.example.com"),
        ("/servers/files/mcp", "weather.example.com"),
        (None, "weather.example.com"),
    ],
)
def test_only_configured_resources_are_known(
    server: RunningServer, issuer: Issuer, path: str | None, host: str | None
):
    everything = [WEATHER, FILES, OWN_HOST, f"{HERE}/mcp", f"{HERE}/servers/other/mcp"]
    answer = asked(server, issuer.token(aud=everything, scope=SCOPES), path, host)
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_the_gateway_asks_with_get_only(server: RunningServer, issuer: Issuer, method: str):
    headers = {
        "authorization": f"Bearer {issuer.token(aud=WEATHER, scope=SCOPES)}",
        "x-resource-path": "/servers/weather/mcp",
    }
    answer = httpx2.request(method, f"{server.base}/authorize", headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(("lives", "longest"), [(4, 2), (3, 1), (2, 0), (-5, 0)])
def test_an_answer_is_never_used_longer_than_its_token_lives(
    server: RunningServer, issuer: Issuer, lives: int, longest: int
):
    """nginx counts whole seconds from when it reads the answer, which may be in the next one."""
    token = issuer.token(aud=WEATHER, scope=SCOPES, lives_seconds=lives)
    for _ in range(2):  # the second time from the cache of tokens
        answer = asked(server, token)
        assert answer.status_code == 200  # within the skew of clocks
        said = re.findall(r"^max-age=([1-9])$", answer.headers["cache-control"])
        assert said or answer.headers["cache-control"] == "no-store"
        assert int(said[0]) <= longest if said else True


def test_a_cached_token_is_not_valid_for_another_server(server: RunningServer, issuer: Issuer):
    token = issuer.token(aud=WEATHER, scope=SCOPES)
    for _ in range(2):
        assert asked(server, token).status_code == 200
        assert asked(server, token, "/servers/files/mcp").status_code == 401
        assert asked(server, token, host="weather.example.com").status_code == 401


def test_a_token_in_the_cache_still_needs_the_scopes_of_each_server(
    server: RunningServer, issuer: Issuer
):
    token = issuer.token(aud=[WEATHER, FILES], scope="base")
    for _ in range(2):
        assert asked(server, token, "/servers/files/mcp").status_code == 200
        assert asked(server, token).status_code == 403


def test_the_metadata_of_each_server_is_readable(server: RunningServer):
    expected = {
        f"{METADATA}/servers/weather/mcp": (WEATHER, SCOPES.split()),
        f"{METADATA}/servers/files/mcp": (FILES, ["base"]),
        f"{METADATA}/mcp": (f"{HERE}/mcp", ["base"]),
        METADATA: (f"{HERE}/mcp", ["base"]),
    }
    for path, (resource, scopes) in expected.items():
        answer = server.get(path, headers={"origin": "https://page.test"})
        assert answer.json()["resource"] == resource
        assert answer.json()["scopes_supported"] == scopes
        assert answer.json()["authorization_servers"] == [ISSUER, "https://other.test"]
        assert answer.headers["access-control-allow-origin"] == "*"
    assert server.get(f"{METADATA}/servers/other/mcp").status_code == 404


@pytest.mark.parametrize("path", [METADATA, f"{METADATA}/mcp"])
def test_at_its_own_host_name_the_metadata_is_that_of_the_server(server: RunningServer, path: str):
    document = server.get(path, headers={"host": "weather.example.com"}).json()
    assert document["resource"] == OWN_HOST
    assert document["scopes_supported"] == SCOPES.split()


def test_without_a_domain_the_resource_follows_from_the_forwarded_host(
    servers_directory: Path, issuer: Issuer
):
    section = {
        "issuer": ISSUER,
        "jwks_file": str(issuer.jwks_file),
        "forwarded_host": True,
        "resource_hosts": ["localhost", "<address>"],
    }
    given: dict[str, Any] = {"protected_resources": [{"path": "/servers/weather/mcp"}]}
    with serving(servers_directory, issuer, auth=section, **given) as server:
        token = issuer.token(aud="https://192.0.2.7:8443/servers/weather/mcp")

        def status(host: str) -> int:
            forwarded = {"x_forwarded_host": host, "x_forwarded_proto": "https"}
            return asked(server, token, **forwarded).status_code

        assert status("192.0.2.7:8443") == 200
        assert status("localhost:8443") == 401
        assert status("evil.example.com") == 403


def test_a_server_without_protected_resources_answers_no_such_question(
    dual: RunningServer, issuer: Issuer
):
    headers = {"x-resource-path": "/mcp", "authorization": f"Bearer {issuer.token()}"}
    assert fetch(f"{dual.base}/authorize", headers=headers).status_code == 404


def test_without_keys_the_answer_is_503(servers_directory: Path, issuer: Issuer, tmp_path: Path):
    empty = tmp_path / "jwks.json"
    empty.write_text('{"keys": []}')
    section = {"issuer": ISSUER, "resource_url": f"{HERE}/mcp", "jwks_file": str(empty)}
    with serving(servers_directory, issuer, auth=section, protected_resources=RESOURCES) as server:
        answer = asked(server, issuer.token(aud=WEATHER, scope=SCOPES))
        assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ([{"path": "servers/weather"}], "protected_resources.0.path"),
        ([{"path": "/a/mcp", "hostname": "a.test:443"}], "protected_resources.0.hostname"),
        ([{"path": "/a/mcp", "scopes": ["two words"]}], "protected_resources.0.scopes.0"),
        ([{"path": "/a/mcp"}, {"path": "/a/mcp"}], "/a/mcp is listed twice"),
        (
            [{"path": "/a/mcp", "hostname": "a.test"}, {"path": "/b/mcp", "hostname": "a.test"}],
            "a.test is listed twice",
        ),
        ([{"path": "/a/mcp", "audience": "x"}], "unknown key"),
    ],
)
def test_wrong_resources_are_refused_at_the_start(
    tmp_path: Path, issuer: Issuer, resources: list[Any], problem: str
):
    source = write_config(tmp_path, settings(issuer, protected_resources=resources))
    ended = run_program("--config", source)
    assert ended.status != 0
    assert problem in ended.stderr
