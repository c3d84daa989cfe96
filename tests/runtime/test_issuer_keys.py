"""Keys of an issuer: skipped entries, reads after changes, and maximum age."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from runtime.auth_config import AuthSection
from runtime.issuer_keys import KeySet, NoKeysError
from runtime.jwk_set import UnreadableError, parse
from runtime.tokens import TokenRefusedError, Tokens
from tests.harness.server import serving
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

UNUSABLE: list[Any] = [
    None,
    7,
    "text",
    [],
    {},
    {"kty": None},
    {"kty": "EC", "crv": "P-999", "kid": "e", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": "P-256", "kid": "e", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": ["P-256"], "kid": "e"},
    {"kty": "RSA", "kid": "r"},
    {"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"},
    {"kty": "RSA", "kid": "r", "n": 7, "e": {}},
    {"kty": "RSA", "kid": ["list"], "n": "AQAB", "e": "AQAB"},
    {"kty": "RSA", "kid": "x", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB"},
    {"kty": "RSA", "kid": "x", "alg": {"a": 1}},
    {"kty": "RSA", "kid": "x", "use": "enc", "n": "AQAB", "e": "AQAB"},
    {"kty": "RSA", "kid": "x", "key_ops": ["encrypt"], "n": "AQAB", "e": "AQAB"},
    {"kty": "OKP", "crv": "X25519", "kid": "o", "x": "AA"},
    {"kty": "oct", "kid": "test-key", "k": "c2VjcmV0"},
    {"kty": "PQ", "kid": "new"},
]


@dataclasses.dataclass
class Published:
    """An issuer's JWK Set in memory, which counts how often it is read."""

    signer: Issuer
    extra: list[Any] = dataclasses.field(default_factory=list[Any])
    fails: bool = False
    reads: int = 0

    async def read(self) -> bytes:
        self.reads += 1
        await anyio.sleep(0)
        if self.fails:
            raise UnreadableError("it is down")
        return json.dumps({"keys": [*self.extra, self.signer.jwk()]}).encode()

    def tokens(self, *, pause: float = 60, stale: float = 60, max_age: float = 60) -> Tokens:
        auth = AuthSection.model_validate(
            {"issuer": ISSUER, "jwks_file": "unread", "resource_url": AUDIENCE}
        )
        return Tokens(auth, {ISSUER: KeySet(self.read, max_age, pause, stale=stale)})


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """Has another key under the same id."""
    return Issuer.at(tmp_path_factory.mktemp("other"))


async def accepts(tokens: Tokens, token: str) -> bool:
    try:
        await tokens.accept(token, AUDIENCE)
    except TokenRefusedError:
        return False
    return True


@pytest.mark.parametrize("entry", UNUSABLE, ids=lambda entry: json.dumps(entry)[:40])
async def test_an_entry_that_cannot_be_used_leaves_the_others_usable(issuer: Issuer, entry: Any):
    published = Published(issuer, [entry])
    assert await accepts(published.tokens(), issuer.token())
    assert len(parse(await published.read()).skipped) == 1


def test_unusable_entries_are_logged_once_by_the_server(
    servers_directory: Path, issuer: Issuer, tmp_path: Path
):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [*UNUSABLE, issuer.jwk()]}))
    auth = {"issuer": ISSUER, "resource_url": AUDIENCE, "jwks_file": str(file)}
    with serving(servers_directory, issuer, auth=auth) as server:
        for _ in range(3):
            assert server.post_modern("tools/list").status_code == 200
            assert server.post_modern("tools/list", issuer.token(kid="none")).status_code == 401
        lines = [(e["kid"], e["reason"]) for e in server.events("key_skipped")]
    assert len(lines) == len(set(lines)) >= 10


@pytest.mark.parametrize(
    "document",
    [b"", b"null", b"[]", b"{}", b'{"keys": {}}', b'{"keys": null}', b"\xff", b"[" * 100_000],
)
def test_a_document_that_is_not_a_jwk_set_is_unreadable(document: bytes):
    with pytest.raises(UnreadableError, match="not a JWK Set"):
        parse(document)


def test_private_and_weak_keys_are_not_used(issuer: Issuer):
    private = json.loads(RSAAlgorithm.to_jwk(issuer.key))
    weak = json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key()))
    found = parse(json.dumps({"keys": [private, weak]}).encode())
    assert found.keys == ()
    assert [reason for _, reason in found.skipped] == [
        "it is a private key",
        "it has fewer than 2048 bits",
    ]


async def test_a_new_key_under_an_old_id_is_accepted_at_its_first_token(
    issuer: Issuer, other: Issuer
):
    published = Published(issuer)
    tokens = published.tokens()
    assert await accepts(tokens, issuer.token())
    before = tokens.generation
    published.signer = other
    assert await accepts(tokens, other.token())
    assert tokens.generation != before
    assert not await accepts(tokens, issuer.token())


async def test_wrong_signatures_cause_at_most_one_read_per_pause(issuer: Issuer, other: Issuer):
    published = Published(issuer)
    tokens = published.tokens()
    assert await accepts(tokens, issuer.token())
    before = tokens.generation
    for _ in range(20):
        assert not await accepts(tokens, other.token())
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(accepts, tokens, other.token())
    assert published.reads == 2
    assert tokens.generation == before


async def test_two_keys_with_one_id_are_both_tried(issuer: Issuer, other: Issuer):
    published = Published(issuer, [other.jwk()])
    tokens = published.tokens()
    assert await accepts(tokens, issuer.token())
    assert await accepts(tokens, other.token())
    assert published.reads == 1


async def test_keys_that_cannot_be_read_again_are_dropped_at_their_maximum_age(issuer: Issuer):
    published = Published(issuer)
    tokens = published.tokens(max_age=0, pause=0, stale=0.3)
    assert await accepts(tokens, issuer.token())
    published.fails = True
    assert await accepts(tokens, issuer.token())
    before = tokens.generation
    await anyio.sleep(0.31)
    with pytest.raises(NoKeysError):
        await tokens.accept(issuer.token(), AUDIENCE)
    assert tokens.generation != before
    published.fails = False
    assert await accepts(tokens, issuer.token())


async def test_tokens_are_refused_after_the_issuer_withdrew_all_keys(issuer: Issuer):
    published = Published(issuer)
    tokens = published.tokens(max_age=0)
    assert await accepts(tokens, issuer.token())
    published.signer = dataclasses.replace(issuer, kid="unused")
    assert not await accepts(tokens, issuer.token())


async def test_keys_are_unreadable_from_a_failed_read_until_one_succeeds(issuer: Issuer):
    published = Published(issuer)
    tokens = published.tokens(max_age=0)
    (keys,) = tokens.keys.values()
    found: list[float] = []
    for published.fails in (False, True, False):
        await tokens.accept(issuer.token(), AUDIENCE)
        found.append(keys.readable())
    assert found == [1, 0, 1]


async def test_a_process_without_traffic_does_not_say_for_ever_that_keys_are_unreadable(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
):
    published = Published(issuer)
    tokens = published.tokens(max_age=0)
    (keys,) = tokens.keys.values()
    await tokens.accept(issuer.token(), AUDIENCE)
    published.fails = True
    await tokens.accept(issuer.token(), AUDIENCE)
    found = [keys.readable()]
    for seconds in (119, 121):
        monkeypatch.setattr(keys, "tried_at", time.monotonic() - seconds)
        found.append(keys.readable())
    assert found == [0, 0, 1]


async def test_calls_wait_for_the_first_read_of_the_keys(issuer: Issuer):
    """All but the first one were refused with 503 until the keys had arrived."""
    published = Published(issuer)
    arrived = anyio.Event()

    async def slow() -> bytes:
        await arrived.wait()
        return await published.read()

    keys = KeySet(slow, max_age=60, pause=60)
    found: list[int] = []

    async def ask() -> None:
        found.append(len(await keys.find(issuer.kid)))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        arrived.set()
    assert (found, published.reads) == ([1, 1, 1], 1)
