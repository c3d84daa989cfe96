"""The cache of tokens: one check while a token is valid, and none after its key is withdrawn."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from runtime import token_cache
from runtime.auth_config import AuthSection
from runtime.token_cache import CachedTokens
from runtime.tokens import TokenRefusedError, Tokens
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer.at(tmp_path)


def cached(issuer: Issuer, **changes: Any) -> CachedTokens:
    auth = AuthSection.model_validate(
        {"issuer": ISSUER, "jwks_file": str(issuer.jwks_file)} | changes
    )
    tokens = CachedTokens.of(auth)
    assert isinstance(tokens, CachedTokens)
    return tokens


class Checks:
    """Counts the full checks of tokens, which go on as before."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = Tokens.accept

        async def counting(tokens: Tokens, token: str, resource: str) -> Any:
            self.count += 1
            return await real(tokens, token, resource)

        monkeypatch.setattr(Tokens, "accept", counting)


async def test_a_token_is_checked_once(issuer: Issuer, monkeypatch: pytest.MonkeyPatch):
    checks, tokens, token = Checks(monkeypatch), cached(issuer), issuer.token()
    for _ in range(5):
        assert (await tokens.accept(token, AUDIENCE)).subject == "ada"
    assert checks.count == 1


async def test_a_token_is_checked_again_when_it_has_expired(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
):
    checks, tokens, token = Checks(monkeypatch), cached(issuer), issuer.token(lives_seconds=60)
    await tokens.accept(token, AUDIENCE)
    end = time.time() + 60 + tokens.auth.clock_skew_seconds
    for moment, count in ((end - 5, 1), (end + 1, 2)):
        monkeypatch.setattr(token_cache.time, "time", lambda moment=moment: moment)
        await tokens.accept(token, AUDIENCE)
        assert checks.count == count


async def test_a_token_of_a_withdrawn_key_is_refused(issuer: Issuer, tmp_path: Path):
    tokens, token = cached(issuer), issuer.token()
    await tokens.accept(token, AUDIENCE)
    (tmp_path / "new").mkdir()
    other = Issuer.at(tmp_path / "new")
    issuer.jwks_file.write_text(json.dumps({"keys": [other.jwk()]}))
    await tokens.check()
    with pytest.raises(TokenRefusedError):
        await tokens.accept(token, AUDIENCE)
    assert (await tokens.accept(other.token(), AUDIENCE)).subject == "ada"


async def test_keys_of_cached_tokens_are_read_again(issuer: Issuer, tmp_path: Path):
    tokens, token = cached(issuer), issuer.token()
    await tokens.accept(token, AUDIENCE)
    (tmp_path / "new").mkdir()
    issuer.jwks_file.write_text(json.dumps({"keys": [Issuer.at(tmp_path / "new").jwk()]}))
    keys = tokens.keys[ISSUER]
    keys.tried_at -= keys.max_age + 1  # the time passes after which keys are old
    with pytest.raises(TokenRefusedError):
        await tokens.accept(token, AUDIENCE)


async def test_a_token_for_one_resource_is_not_accepted_for_another(issuer: Issuer):
    tokens, token = cached(issuer), issuer.token()
    await tokens.accept(token, AUDIENCE)
    with pytest.raises(TokenRefusedError):
        await tokens.accept(token, "https://other.test/mcp")


async def test_a_refused_token_is_not_cached(issuer: Issuer):
    tokens = cached(issuer)
    with pytest.raises(TokenRefusedError):
        await tokens.accept(issuer.token(aud="https://other.test/mcp"), AUDIENCE)
    assert tokens.accepted == {}


async def test_the_number_of_cached_tokens_is_limited(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(token_cache, "TOKENS_KEPT", 3)
    tokens = cached(issuer)
    for n in range(10):
        await tokens.accept(issuer.token(jti=str(n)), AUDIENCE)
    assert len(tokens.accepted) == 3


async def test_no_token_is_kept_in_memory(issuer: Issuer):
    tokens, token = cached(issuer), issuer.token()
    await tokens.accept(token, AUDIENCE)
    kept = "".join(map(repr, tokens.accepted.items()))
    assert not [part for part in token.split(".") if part in kept]
