"""With TLS, the TLS port serves MCP and the plain port serves only probes."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from runtime.certificate import Certificate
from tests.harness.certificates import Authority
from tests.harness.server import (
    ERAS,
    RunningServer,
    fetch,
    free_port,
    run_program,
    serving,
    settings,
    text_of,
    write_config,
)
from tests.harness.tokens import Issuer


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    directory = tmp_path_factory.mktemp("tls")
    authority = Authority.at(directory)
    certificate, key = authority.issue()
    section = {"tls_port": free_port(), "tls_cert": str(certificate), "tls_key": str(key)}
    with serving(directory, issuer, authority.trust(), server=section) as server:
        yield server


@pytest.mark.parametrize("era", ERAS)
async def test_tools_are_called_over_tls(tls: RunningServer, era: str):
    async with tls.client(era) as client:
        assert text_of(await client.call_tool("echo", {"text": "hi"})) == "hi"


def test_the_plain_port_answers_probes_and_nothing_else(tls: RunningServer):
    answers = {
        path: fetch(tls.plain + path).status_code
        for path in ("/health", "/ready", "/mcp", "/.well-known/oauth-protected-resource")
    }
    assert list(answers.values()) == [200, 200, 404, 404]
    assert httpx2.post(f"{tls.plain}/mcp").status_code == 404
    assert tls.get("/health").status_code == 200


def test_older_tls_is_refused(tls: RunningServer):
    context = ssl.create_default_context(cafile=str(tls.config_file.parent / "ca.crt"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx2.ConnectError, match=r"EOF|PROTOCOL_VERSION"):
        fetch(f"{tls.base}/health", context)


def test_the_metadata_says_https(tls: RunningServer):
    document = tls.get("/.well-known/oauth-protected-resource").json()
    assert document["resource"] == f"{tls.base}/mcp"


def test_readiness_on_the_plain_port_outlives_the_last_connection(
    servers_directory: Path, issuer: Issuer, tmp_path: Path
):
    authority = Authority.at(tmp_path)
    certificate, key = authority.issue()
    section = {"tls_port": free_port(), "tls_cert": str(certificate), "tls_key": str(key)}
    with serving(tmp_path, issuer, authority.trust(), server=section) as server:
        server.terminate()
        seen: set[int] = set()
        while server.program.exit_status is None:
            try:
                seen.add(fetch(f"{server.plain}/ready").status_code)
            except httpx2.TransportError:
                break
        assert server.exit_status() == 0
    assert 503 in seen


def test_a_key_that_does_not_fit_its_certificate_is_named(tmp_path: Path, issuer: Issuer):
    authority = Authority.at(tmp_path)
    certificate, _ = authority.issue("one")
    _, key = authority.issue("two")
    section = {"tls_port": free_port(), "tls_cert": str(certificate), "tls_key": str(key)}
    result = run_program("--config", write_config(tmp_path, settings(issuer, server=section)))
    assert result.status == 1
    assert "are not a certificate and its key" in result.stderr


async def test_a_renewed_certificate_is_taken_over_without_a_restart(tmp_path: Path):
    authority = Authority.at(tmp_path)
    certificate = Certificate(*authority.issue())
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context
    )
    port = server.sockets[0].getsockname()[1]
    first = await presented(port, authority)
    assert await presented(port, authority) == first
    following = asyncio.create_task(certificate.follow(look_seconds=0.01))
    authority.issue()
    os.utime(certificate.cert, (0, 0))
    async with asyncio.timeout(10), server:
        while await presented(port, authority) == first:
            assert not following.done()
        following.cancel()


async def presented(port: int, authority: Authority) -> bytes:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority.trust())
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return shown


def swap(volume: Path, certificate: Path, key: Path) -> None:
    """Replace the pair as a kubelet does: a new folder, and a symbolic link switched to it."""
    generation = volume / f"..{len(list(volume.iterdir()))}"
    generation.mkdir()
    for name, source in (("tls.crt", certificate), ("tls.key", key)):
        shutil.copy2(source, generation / name)
        os.utime(generation / name, (0, 0))  # the time alone does not show a change
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"..data/{name}")
    (volume / "..next").symlink_to(generation.name)
    (volume / "..next").rename(volume / "..data")


@pytest.mark.slow
async def test_a_renewed_certificate_of_a_mounted_secret_is_served(tmp_path: Path, issuer: Issuer):
    authority = Authority.at(tmp_path)
    volume = tmp_path / "volume"
    volume.mkdir()
    swap(volume, *authority.issue("first"))
    section = {
        "tls_port": free_port(),
        "tls_cert": str(volume / "tls.crt"),
        "tls_key": str(volume / "tls.key"),
    }
    with serving(tmp_path, issuer, authority.trust(), server=section) as server:
        port = section["tls_port"]
        assert isinstance(port, int)
        first = await presented(port, authority)
        swap(volume, *authority.issue("second"))
        async with asyncio.timeout(20):
            while await presented(port, authority) == first:
                await asyncio.sleep(0.1)
        assert server.get("/health").status_code == 200


async def test_the_old_certificate_is_served_until_the_new_key_matches(tmp_path: Path):
    authority = Authority.at(tmp_path)
    certificate = Certificate(*authority.issue("live"))
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context
    )
    port = server.sockets[0].getsockname()[1]
    first = await presented(port, authority)
    following = asyncio.create_task(certificate.follow(look_seconds=0.01))
    new_certificate, new_key = authority.issue("new")
    shutil.copyfile(new_certificate, certificate.cert)  # its key is not there yet
    await asyncio.sleep(0.1)
    assert await presented(port, authority) == first
    shutil.copyfile(new_key, certificate.key)
    async with asyncio.timeout(10), server:
        while await presented(port, authority) == first:
            assert not following.done()
        following.cancel()
