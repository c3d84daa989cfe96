"""Which kinds of tokens are accepted, from which issuers, and with which scopes."""

from __future__ import annotations

import base64
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.server import RunningServer, serving, until
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

SECOND = "https://second.test"


def listing(server: RunningServer, token: str) -> Any:
    return server.post_modern("tools/list", token)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.at(tmp_path_factory.mktemp("second"))


@pytest.fixture(scope="module")
def strict(servers_directory: Path, issuer: Issuer, second: Issuer) -> Generator[RunningServer]:
    """A server with two issuers, two audiences, required scopes and a larger skew."""
    auth = {
        "issuer": ISSUER,
        "jwks_file": str(issuer.jwks_file),
        "resource_url": AUDIENCE,
        "additional_audiences": ["api://old-name"],
        "additional_issuers": [{"issuer": SECOND, "jwks_file": str(second.jwks_file)}],
        "required_scopes": ["mcp:read", "mcp:call"],
        "access_tokens_only": True,
        "clock_skew_seconds": 90,
    }
    with serving(servers_directory, issuer, auth=auth) as server:
        yield server


GRANTED: Any = {"typ": "at+jwt", "scope": "openid mcp:call mcp:read"}


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT", "JWT", None])
def test_access_tokens_are_accepted_with_every_type_that_issuers_give_them(
    dual: RunningServer, issuer: Issuer, typ: str | None
):
    assert listing(dual, issuer.token(typ=typ)).status_code == 200


@pytest.mark.parametrize(
    "typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", "JWS", "application/logout+jwt"]
)
def test_tokens_of_another_type_are_refused(dual: RunningServer, issuer: Issuer, typ: str):
    answer = listing(dual, issuer.token(typ=typ))
    assert answer.status_code == 401
    assert "typ in the header" in answer.json()["error_description"]


@pytest.mark.parametrize("typ", ["JWT", None])
def test_access_tokens_only_accepts_only_typ_at_jwt(
    strict: RunningServer, issuer: Issuer, typ: str | None
):
    assert listing(strict, issuer.token(**GRANTED)).status_code == 200
    assert listing(strict, issuer.token(**GRANTED | {"typ": typ})).status_code == 401


def test_clock_skew_seconds_is_the_accepted_clock_difference(
    strict: RunningServer, dual: RunningServer, issuer: Issuer
):
    late = issuer.token(lives_seconds=-60, **GRANTED)
    assert listing(strict, late).status_code == 200
    assert listing(dual, late).status_code == 401


def test_an_additional_audience_is_accepted(strict: RunningServer, issuer: Issuer):
    assert listing(strict, issuer.token(**GRANTED, aud="api://old-name")).status_code == 200
    assert listing(strict, issuer.token(**GRANTED, aud="api://other-name")).status_code == 401


def test_a_token_signed_with_the_key_of_another_issuer_is_refused(
    strict: RunningServer, issuer: Issuer, second: Issuer
):
    assert listing(strict, second.token(**GRANTED, iss=SECOND)).status_code == 200
    for forged in (second.token(**GRANTED), issuer.token(**GRANTED, iss=SECOND)):
        answer = listing(strict, forged)
        assert (answer.status_code, "signature" in answer.text) == (401, True)


def test_users_of_two_issuers_with_one_sub_are_two_users(
    strict: RunningServer, issuer: Issuer, second: Issuer
):
    for signer, iss in ((issuer, ISSUER), (second, SECOND)):
        listing(strict, signer.token(**GRANTED, iss=iss, sub="eve"))
    until(lambda: {"eve", f"{SECOND}#eve"} <= {e.get("subject") for e in strict.events("request")})
    assert listing(strict, issuer.token(**GRANTED, sub=f"{SECOND}#eve")).status_code == 401


def test_all_issuers_and_scopes_are_in_the_metadata(strict: RunningServer, dual: RunningServer):
    document = strict.get("/.well-known/oauth-protected-resource/mcp").json()
    assert document["authorization_servers"] == [ISSUER, SECOND]
    assert document["scopes_supported"] == ["mcp:read", "mcp:call"]
    plain = dual.get("/.well-known/oauth-protected-resource/mcp").json()
    assert "scopes_supported" not in plain


def test_the_challenge_names_the_scopes_to_ask_for(strict: RunningServer):
    for token in (None, "x"):
        challenge = strict.post({}, token=token).headers["www-authenticate"]
        assert 'scope="mcp:read mcp:call"' in challenge


@pytest.mark.parametrize(
    "scopes",
    [
        {"scope": "mcp:read mcp:call"},
        {"scp": ["mcp:read", "mcp:call"]},
        {"scp": "mcp:call mcp:read"},
    ],
)
def test_a_token_with_all_required_scopes_is_accepted(
    strict: RunningServer, issuer: Issuer, scopes: dict[str, Any]
):
    assert listing(strict, issuer.token(typ="at+jwt", **scopes)).status_code == 200


@pytest.mark.parametrize(
    "scopes",
    [{}, {"scope": "mcp:read"}, {"scope": "mcp:readx mcp:call"}, {"scope": 7}, {"scp": [7]}],
)
def test_a_token_without_a_required_scope_gets_403_and_their_names(
    strict: RunningServer, issuer: Issuer, scopes: dict[str, Any]
):
    answer = listing(strict, issuer.token(typ="at+jwt", **scopes))
    assert answer.status_code == 403
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope", ')
    assert 'scope="mcp:read mcp:call"' in challenge
    assert f'resource_metadata="{AUDIENCE.removesuffix("/mcp")}' in challenge
    assert answer.json()["error"] == "insufficient_scope"


@pytest.mark.parametrize("part", [b"[" * 15_000, b'{"a":' * 4_000, b"\xff" * 9, b"7", b"null"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_text_that_is_not_a_json_web_token_is_refused(
    dual: RunningServer, part: bytes, place: int
):
    parts = [b'{"alg":"RS256","kid":"test-key"}', b"{}"]
    parts[place] = part
    token = ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts)
    answer = listing(dual, f"{token}.e30")
    assert (answer.status_code, "not a JSON Web Token" in answer.text) == (401, True)
