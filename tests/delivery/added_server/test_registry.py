"""An image's digest and configuration are read from a registry; nothing unverified is believed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery.added_server.image_config import LARGEST, ImageConfig
from delivery.added_server.reference import ImageReference, image_reference
from delivery.added_server.refusals import NotAskedError
from delivery.added_server.registry import MOST_REDIRECTS, ask_registry, credentials
from tests.harness.certificates import Authority
from tests.harness.oci_images import LOGIN, TOKEN, Handler, Image, Registry, digest_of, serving

SETTINGS: Mapping[str, Any] = {
    "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
    "User": "1000:1000",
    "Entrypoint": ["weather-mcp"],
    "Cmd": ["--port", "8080"],
    "Labels": {"org.opencontainers.image.title": "Weather"},
}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Registry]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with serving(Registry(Image(SETTINGS))) as running:
        yield running


def logged_in(registry: Registry, folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": LOGIN}}}))


def asked(name: str, seconds: float = 10) -> tuple[ImageReference, ImageConfig]:
    return ask_registry(image_reference(name), seconds)


def refusal(name: str) -> str:
    with pytest.raises(ProblemReport) as report:
        asked(name)
    return str(report.value)


def unasked(name: str, seconds: float = 10) -> str:
    with pytest.raises(NotAskedError) as report:
        asked(name, seconds)
    return str(report.value.problem)


def test_the_configuration_is_read_and_the_digest_pinned(registry: Registry):
    reference, config = asked(registry.name)
    assert reference.text == f"{registry.name}@{registry.image.digest}"
    assert config.ports == (8080,)
    assert config.user == "1000:1000"
    assert config.words == ("weather-mcp", "--port", "8080")
    assert all(authorization == "" for _, authorization in registry.requests)


def test_of_an_index_its_own_digest_is_pinned_and_the_image_for_amd64_is_read(registry: Registry):
    registry.image = Image(
        SETTINGS, ("linux/arm64", "windows/amd64", "linux/amd64", "unknown/unknown")
    )
    reference, config = asked(registry.name)
    assert reference.digest == registry.image.digest
    assert config.labels["platform"] == "linux/amd64"
    assert config.platforms == ("linux/amd64", "linux/arm64", "windows/amd64")


def test_an_image_that_is_not_for_linux_is_refused(registry: Registry):
    registry.image = Image(SETTINGS, ("windows/amd64",))
    assert "no image for Linux" in refusal(registry.name)


def test_a_token_is_fetched_without_a_login_where_the_registry_asks_for_one(registry: Registry):
    registry.auth = "bearer"
    reference, _ = asked(registry.name)
    assert reference.digest == registry.image.digest
    assert ("/token", "") in registry.requests
    assert [path for path, _ in registry.requests].count("/token") == 1


@pytest.mark.parametrize("auth", ["login", "basic"])
def test_the_login_of_docker_is_used_where_a_registry_demands_one(
    registry: Registry, tmp_path: Path, auth: str
):
    registry.auth = auth
    assert f"docker login {registry.host}" in unasked(registry.name)
    logged_in(registry, tmp_path)
    assert asked(registry.name)[0].digest == registry.image.digest


def test_a_credential_helper_is_named_as_what_is_not_read(registry: Registry, tmp_path: Path):
    registry.auth = "login"
    (tmp_path / "config.json").write_text('{"credsStore": "desktop"}')
    assert "credential helper desktop" in unasked(registry.name)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"auths": []}', '{"auths": {"a": {"auth": 1}}}'])
def test_a_broken_config_of_docker_has_no_login(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text(text)
    assert credentials("a")[0] == ""


def test_another_manifest_than_the_asked_one_is_refused(registry: Registry):
    digest = digest_of(b"another")
    registry.answers[registry.path(digest)] = lambda http: http.send(200, registry.image.top)
    assert f"in place of {digest}" in refusal(f"{registry.name}@{digest}")


def test_another_configuration_than_that_of_the_manifest_is_refused(registry: Registry):
    other = Image({**SETTINGS, "User": "0"})
    (data,) = [text for text in other.blobs.values() if text != other.top]
    registry.answers[registry.config_path()] = lambda http: http.send(200, data)
    assert "in place of" in refusal(registry.name)


def test_an_answer_that_does_not_have_the_digest_of_its_header_is_refused(registry: Registry):
    def answer(http: Handler) -> None:
        http.send_response(200)
        http.send_header("Docker-Content-Digest", digest_of(b"another"))
        http.send_header("Content-Length", str(len(registry.image.top)))
        http.end_headers()
        http.wfile.write(registry.image.top)

    registry.answers[registry.path()] = answer
    assert "in place of" in refusal(registry.name)


def test_a_digest_in_a_header_cannot_write_to_the_terminal(registry: Registry):
    def answer(http: Handler) -> None:
        http.send_response(200)
        http.send_header("Docker-Content-Digest", "\x1b[2Jeverything is fine")
        http.send_header("Content-Length", str(len(registry.image.top)))
        http.end_headers()
        http.wfile.write(registry.image.top)

    registry.answers[registry.path()] = answer
    assert "\x1b" not in refusal(registry.name)


def test_a_huge_answer_is_refused_before_it_is_read(registry: Registry):
    sent: list[int] = []

    def endless(http: Handler) -> None:
        http.send_response(200)
        http.end_headers()
        try:
            for _ in range(100):
                http.wfile.write(b" " * 2**20)
                sent.append(2**20)
        except ConnectionError:
            pass

    registry.answers[registry.path()] = endless
    assert "larger than 4 MiB" in refusal(registry.name)
    assert sum(sent) < 10 * LARGEST


@pytest.mark.parametrize(
    "data",
    [b"", b"no JSON", b"[]", b"[" * 100_000, b'{"config": 1}', b'{"manifests": [{"digest": "x"}]}'],
)
def test_what_is_no_manifest_is_refused(registry: Registry, data: bytes):
    registry.answers[registry.path()] = lambda http: http.send(200, data)
    assert "not what the OCI specification" in refusal(registry.name)


def test_an_artifact_that_is_no_image_is_refused(registry: Registry):
    document = json.loads(registry.image.top)
    document["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    registry.answers[registry.path()] = lambda http: http.send(200, json.dumps(document).encode())
    assert "not a container image" in refusal(registry.name)


def test_a_blob_behind_a_redirect_is_read_and_credentials_stay_with_the_registry(
    registry: Registry,
):
    registry.auth = "bearer"
    with serving(Registry(registry.image, repository=registry.repository)) as storage:
        path = registry.config_path()
        registry.answers[path] = lambda http: http.send(
            307, location=f"http://{storage.host}{path}"
        )
        assert asked(registry.name)[1].ports == (8080,)
    assert (path, f"Bearer {TOKEN}") in registry.requests
    assert storage.requests == [(path, "")]


def test_a_host_behind_a_redirect_cannot_ask_for_the_login(registry: Registry, tmp_path: Path):
    logged_in(registry, tmp_path)
    with serving(Registry(registry.image, repository=registry.repository)) as storage:
        storage.auth = "login"
        path = registry.config_path()
        registry.answers[path] = lambda http: http.send(
            307, location=f"http://{storage.host}{path}"
        )
        assert "requires credentials" in unasked(registry.name)
    assert storage.requests == [(path, "")]


def test_a_loop_of_redirects_ends(registry: Registry):
    registry.answers[registry.path()] = lambda http: http.send(307, location=registry.path())
    assert "redirects more than" in refusal(registry.name)
    assert len(registry.requests) == MOST_REDIRECTS + 1


@pytest.mark.parametrize("place", ["http://registry.example.com/x", "ftp://localhost/x"])
def test_a_redirect_to_a_place_without_tls_is_refused(registry: Registry, place: str):
    registry.answers[registry.path()] = lambda http: http.send(307, location=place)
    assert "not https" in refusal(registry.name)


def test_no_login_is_sent_to_a_token_service_without_tls(registry: Registry, tmp_path: Path):
    registry.auth, registry.realm = "login", "http://tokens.example.com/token"
    logged_in(registry, tmp_path)
    assert "not https" in refusal(registry.name)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"token": 1}', b'{"token": "a\\r\\nb"}'])
def test_a_token_service_without_a_token_is_refused(registry: Registry, data: bytes):
    registry.auth = "bearer"
    registry.answers["/token"] = lambda http: http.send(200, data)
    assert "has no token" in refusal(registry.name)


def test_an_image_that_is_absent_is_reported(registry: Registry):
    assert "no such image" in unasked(f"{registry.host}/acme/other:1")


def test_a_registry_with_an_error_is_reported(registry: Registry):
    registry.answers[registry.path()] = lambda http: http.send(503)
    assert "answers 503" in unasked(registry.name)


def test_a_registry_that_does_not_answer_is_left_after_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        said = unasked(f"localhost:{silent.getsockname()[1]}/acme/weather:1", 0.5)
    assert "did not answer within 0.5 s" in said
    assert time.monotonic() - began < 10


def test_an_answer_that_drips_is_left_after_the_time_limit(registry: Registry):
    def drip(http: Handler) -> None:
        http.send_response(200)
        http.end_headers()
        try:
            while True:
                http.wfile.write(b" ")
                time.sleep(0.05)
        except ConnectionError:
            pass

    registry.answers[registry.path()] = drip
    assert "did not answer within 0.5 s" in unasked(registry.name, 0.5)


def test_an_unreachable_registry_is_reported_with_other_sources():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    said = unasked(f"localhost:{port}/acme/weather:1")
    assert "cannot be reached" in said
    assert "--from-archive" in said


@pytest.mark.parametrize(
    ("text", "complete", "server"),
    [
        ("nginx", "docker.io/library/nginx", "nginx"),
        ("mcp/time:1", "docker.io/mcp/time:1", "time"),
        ("ghcr.io/acme/weather-mcp:2", "ghcr.io/acme/weather-mcp:2", "weather"),
        ("localhost:5000/mcp-server-time", "localhost:5000/mcp-server-time", "time"),
        ("a.example/b/server-everything:1", "a.example/b/server-everything:1", "everything"),
        ("a.example/my_notes.mcp-server", "a.example/my_notes.mcp-server", "my-notes"),
    ],
)
def test_a_name_is_completed_as_docker_does_and_names_the_server(
    text: str, complete: str, server: str
):
    reference = image_reference(text)
    assert reference.text == complete
    assert reference.server_name == server


@pytest.mark.parametrize("text", ["", "A/b", "a b", "a.example/", "a.example/b@sha256:1", "-/x\n"])
def test_what_is_no_name_of_an_image_is_refused(text: str):
    with pytest.raises(ProblemReport, match="not the name of an image"):
        image_reference(text)


PRIVATE = "127.0.0.2"
"""Not localhost, so that it is asked over TLS."""


@pytest.mark.parametrize(
    ("names", "is_trusted", "said"),
    [
        ([PRIVATE], True, None),
        ([PRIVATE], False, "its certificate is not accepted: unable to get local issuer"),
        (["127.0.0.3"], True, "its certificate is not accepted: IP address mismatch"),
    ],
    ids=["right name", "unknown authority", "wrong name"],
)
def test_a_registry_with_a_private_authority_is_asked_if_the_machine_trusts_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    is_trusted: bool,
    said: str | None,
):
    authority = Authority.at(tmp_path)
    certificate = authority.issue(names=["registry.example.com"], addresses=names)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.crt"))
    made = Registry(Image(SETTINGS), name_of_host=PRIVATE)
    with serving(made, certificate) as registry:
        if said is None:
            assert asked(registry.name)[0].digest == registry.image.digest
            return
        with pytest.raises(NotAskedError) as raised:
            asked(registry.name)
    assert said in raised.value.problem.what
    assert "SSL_CERT_FILE" in raised.value.problem.fix
    assert not registry.requests
