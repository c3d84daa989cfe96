"""With `tls_self_signed` the server encrypts for a load balancer that verifies no certificate."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from cryptography import x509

from tests.harness.server import (
    RunningServer,
    fetch,
    free_port,
    serving,
    text_of,
)
from tests.harness.tokens import Issuer

UNVERIFIED = ssl.create_default_context()
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE


def served(directory: Path, issuer: Issuer):
    section = {"tls_port": free_port(), "tls_self_signed": True}
    return serving(directory, issuer, UNVERIFIED, server=section)


def certificate(server: RunningServer) -> x509.Certificate:
    at = urlsplit(server.base)
    pem = ssl.get_server_certificate((str(at.hostname), int(at.port or 0)))
    return x509.load_pem_x509_certificate(pem.encode())


async def test_tools_are_called_and_the_plain_port_answers_probes_only(
    tmp_path: Path, issuer: Issuer
):
    with served(tmp_path, issuer) as server:
        async with server.client("modern") as client:
            assert text_of(await client.call_tool("echo", {"text": "hi"})) == "hi"
        assert fetch(f"{server.plain}/health").status_code == 200
        assert httpx2.post(f"{server.plain}/mcp").status_code == 404


def test_each_start_creates_a_new_key_in_memory_only(tmp_path: Path, issuer: Issuer):
    seen: list[x509.Certificate] = []
    for number in ("one", "two"):
        directory = tmp_path / number
        directory.mkdir()
        with served(directory, issuer) as server:
            seen.append(certificate(server))
            held = [each.read_bytes() for each in directory.rglob("*") if each.is_file()]
            assert not any(b"PRIVATE KEY" in each for each in held)
    one, two = (each.public_key() for each in seen)
    assert one != two
    assert seen[0].issuer == seen[0].subject


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_tls_versions_of_a_load_balancer_are_accepted(
    tmp_path: Path, issuer: Issuer, version: ssl.TLSVersion
):
    with served(tmp_path, issuer) as server:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        assert fetch(f"{server.base}/health", context).status_code == 200
