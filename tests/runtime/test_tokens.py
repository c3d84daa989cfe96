"""Valid bearer tokens are accepted; others get 401 with a challenge."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.harness.server import RunningServer, serving, until
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer


def listing(server: RunningServer, token: str | None = "") -> Any:
    return server.post_modern("tools/list", token)


def test_without_a_token_the_client_learns_where_to_get_one(dual: RunningServer):
    answer = listing(dual, token=None)
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    metadata = f"{dual.base}/.well-known/oauth-protected-resource/mcp"
    assert challenge == f'Bearer resource_metadata="{metadata}"'
    assert dual.get("/.well-known/oauth-protected-resource/mcp").status_code == 200


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "https://elsewhere.test"}, "another audience"),
        ({"iss": "https://evil.test"}, "another issuer"),
        ({"lives_seconds": -60}, "expired"),
        ({"kid": "unknown"}, "does not publish"),
        ({"sub": None}, "no claim sub"),
        ({"sub": ""}, "claim sub is empty"),
        ({"sub": " "}, "claim sub is empty"),
        ({"sub": "a\nb"}, "claim sub has control characters"),
        ({"sub": "a" * 256}, "claim sub is longer than 255 characters"),
        ({"sub": 7}, "claim sub is not text"),
        ({"exp": None}, "no claim exp"),
        ({"exp": "soon"}, "claim exp is not a number"),
        ({"exp": 10**400}, "a time of the token is out of range"),
        ({"exp": 10**4000}, "a time of the token is out of range"),
        ({"nbf": -(10**400), "exp": 10**400}, "a time of the token is out of range"),
        ({"iss": None}, "no claim iss"),
        ({"aud": None}, "no claim aud"),
        ({"aud": []}, "no claim aud"),
        ({"aud": 7}, "claim aud"),
        ({"nbf": 4_000_000_000}, "claim nbf is in the future"),
        ({"iat": 4_000_000_000}, "claim iat is in the future"),
        ({"at_hash": "x"}, "this is an ID token"),
        ({"events": {}}, "logout token"),
    ],
    ids=lambda value: json.dumps(value)[:30] if isinstance(value, dict) else "",
)
def test_a_token_for_something_else_is_refused(
    dual: RunningServer, issuer: Issuer, claims: dict[str, Any], reason: str
):
    answer = listing(dual, issuer.token(**claims))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    said = answer.json()["error_description"]
    assert reason in said
    assert f'error_description="{said}"' in answer.headers["www-authenticate"]
    assert until(lambda: [e for e in dual.events("token_refused") if e["reason"] == said])


def test_a_token_of_another_key_with_our_key_id_is_refused(dual: RunningServer, tmp_path: Path):
    assert listing(dual, Issuer.at(tmp_path).token()).status_code == 401


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_picks_its_own_algorithm_is_refused(
    dual: RunningServer, issuer: Issuer, algorithm: str
):
    claims = jwt.decode(issuer.token(), options={"verify_signature": False})
    key: Any = issuer.jwk()["n"] if algorithm == "HS256" else None
    forged = jwt.encode(claims, key, algorithm, headers={"kid": issuer.kid})
    assert listing(dual, forged).status_code == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "e30.e30.e30", "x" * 5000, "x y"])
def test_an_invalid_token_is_refused(dual: RunningServer, token: str):
    answer = listing(dual, token)
    assert answer.status_code == 401


def test_the_metadata_names_this_resource_and_its_issuer(dual: RunningServer):
    for path in ("", "/mcp"):
        document = dual.get(f"/.well-known/oauth-protected-resource{path}").json()
        assert document["resource"] == f"{dual.base}/mcp"
        assert document["authorization_servers"] == [ISSUER]


class Publisher(http.server.BaseHTTPRequestHandler):
    """An issuer's JWKS address that counts how often it is asked."""

    document: bytes = b""
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200 if self.document else 503)
        self.end_headers()
        self.wfile.write(self.document)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def publisher() -> Generator[tuple[type[Publisher], str]]:
    handler = type("OnePublisher", (Publisher,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler, f"http://127.0.0.1:{server.server_address[1]}/jwks.json"
        server.shutdown()


def test_keys_from_an_address_are_fetched_once_and_kept(
    servers_directory: Path,
    issuer: Issuer,
    tmp_path: Path,
    publisher: tuple[type[Publisher], str],
):
    handler, url = publisher
    handler.document = json.dumps({"keys": [issuer.jwk()]}).encode()
    auth = {"issuer": ISSUER, "resource_url": AUDIENCE, "jwks_url": url}
    with serving(servers_directory, issuer, auth=auth) as server:
        for _ in range(5):
            assert listing(server).status_code == 200
        for kid in "abc":
            assert listing(server, issuer.token(kid=kid)).status_code == 401
        assert handler.asked == 1
        handler.document = b""
        assert listing(server).status_code == 200


def test_without_any_keys_the_server_says_try_later_and_recovers(
    servers_directory: Path, tmp_path: Path
):
    late = Issuer.at(tmp_path)
    published = late.jwks_file.read_text()
    late.jwks_file.write_text("not yet")
    with serving(servers_directory, late) as server:
        answer = listing(server)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        late.jwks_file.write_text(published)
        until(lambda: listing(server).status_code == 200)
