"""Keys of an issuer: skipped entries, reads after changes, and maximum age."""

from __future__ import annotations

import dataclasses
import json
import ssl
import threading
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from runtime import jwk_set
from runtime.auth_config import AuthSection
from runtime.issuer_keys import KeySet, NoKeysError
from runtime.jwk_set import UnreadableError, parse, url_reader
from runtime.tokens import TokenRefusedError, Tokens
from tests.harness.certificates import Authority
from tests.harness.server import RunningServer, serving
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

QUERY_SECRET = "s3cret-in-the-query"
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


@dataclasses.dataclass
class Server:
    """An HTTPS server of an issuer with a private certificate authority."""

    base: str
    ca_file: Path
    asked: list[str]

    def url(self, path: str) -> str:
        return f"{self.base}/{path}"


@pytest.fixture(scope="module")
def issuer_server(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[Server]:
    authority = Authority.at(tmp_path_factory.mktemp("authority"))
    asked: list[str] = []
    redirects = {
        "/moved": "/keys",
        "/plain": "http://127.0.0.1:1/keys",
        "/loop": "/loop",
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            path = self.path.partition("?")[0]
            if path in redirects:
                self.send_response(302)
                self.send_header("location", redirects[path])
                self.end_headers()
            elif path == "/large":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b" " * (jwk_set.MOST_BYTES + 1))
            elif path == "/keys":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"keys": [issuer.jwk()]}).encode())
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue())
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Server(f"https://127.0.0.1:{server.server_port}", authority.ca_file, asked)
    server.shutdown()
    server.server_close()


@pytest.fixture
def private(
    servers_directory: Path, issuer: Issuer, issuer_server: Server
) -> Generator[RunningServer]:
    """A server whose issuer has a private authority, another port than 443 and a query."""
    auth = {
        "issuer": ISSUER,
        "resource_url": AUDIENCE,
        "jwks_url": issuer_server.url(f"moved?appid={QUERY_SECRET}"),
        "jwks_ca_file": str(issuer_server.ca_file),
    }
    logging = {"level": "debug"}
    with serving(servers_directory, issuer, auth=auth, logging=logging) as server:
        yield server


def test_keys_of_a_private_issuer_are_fetched_and_its_url_is_logged_nowhere(
    private: RunningServer, issuer_server: Server
):
    assert private.post_modern("tools/list").status_code == 200
    assert issuer_server.asked[-2:] == [f"/moved?appid={QUERY_SECRET}", "/keys"]
    assert QUERY_SECRET not in private.log_file.read_text()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("absent?token=x", "it answers 404"),
        ("plain", "it redirects to a URL without TLS"),
        ("loop", "it redirects more than 3 times"),
        ("large", "it is larger than"),
    ],
)
async def test_the_error_of_a_failed_fetch_does_not_contain_the_url(
    issuer_server: Server, path: str, reason: str
):
    with pytest.raises(UnreadableError, match=reason) as unreadable:
        await url_reader(issuer_server.url(path), issuer_server.ca_file)()
    assert "127.0.0.1" not in str(unreadable.value)
    assert "token" not in str(unreadable.value)


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    issuer_server: Server, tmp_path: Path
):
    for ca_file in (None, Authority.at(tmp_path).ca_file):
        with pytest.raises(UnreadableError, match="its certificate is not trusted"):
            await url_reader(issuer_server.url("keys"), ca_file)()


async def test_fetching_keys_times_out(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(jwk_set, "FETCH_WITHIN_SECONDS", 0.2)

    async def serve(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await anyio.sleep(5)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        with anyio.fail_after(3), pytest.raises(UnreadableError, match="no answer within"):
            await url_reader(f"http://127.0.0.1:{port}/keys")()
        group.cancel_scope.cancel()


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
