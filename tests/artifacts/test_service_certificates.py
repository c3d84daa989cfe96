"""Clients verify names: the certificate of one service is refused under the name of another."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from delivery import local_certificates
from tests.harness import programs
from tests.harness.certificates import Authority
from tests.harness.network import port, private_network
from tests.harness.pods import Pod
from tests.harness.running_pod import run_container
from tests.harness.server import until
from tests.harness.stacks import stack

Secrets = dict[str, dict[str, str]]
CLIENT, WEAKEST = "mcp-state", "mcp-internal-tls-mcp-tools"
"""A server that uses both data stores, and the Secret of a server that uses none."""


@dataclass(frozen=True)
class Store:
    """A data store: its container, its name in `/ready`, and the programs that it may be."""

    container: str
    dependency: str
    programs: tuple[str, ...]


STORES = {
    "postgres": Store("postgres", "database", ("postgres",)),
    "redis": Store("valkey", "redis", ("valkey-server", "redis-server")),
}


@pytest.fixture(scope="module")
def secrets(authority: Authority) -> Secrets:
    """Every Secret that prod requires, with the names that it asks for."""
    made: Secrets = {}
    for required in stack("prod").outputs["required_secrets"]:
        match required["kind"]:
            case "passwords" | "master-keys":
                made[required["name"]] = dict.fromkeys(required["keys"], "p" * 40)
            case "authority":
                made[required["name"]] = {"ca.crt": authority.ca_file.read_text()}
            case _:
                certificate, key = authority.issue(required["name"], required["dns_names"])
                made[required["name"]] = {
                    "tls.crt": certificate.read_text(),
                    "tls.key": key.read_text(),
                }
    return made


def dependency(name: str) -> str:
    """The dependencies in `/ready` of the client server; empty before its first check."""
    with contextlib.suppress(httpx2.TransportError):
        report = httpx2.get(f"http://127.0.0.1:{port(8080)}/ready").json()
        return report.get("dependencies", {}).get(name, "").removeprefix("unknown")
    return ""


def seen(store: str, shown: str, secrets: Secrets, directory: Path) -> str:
    """What a new client server reports of the store, which shows the certificate of a Secret."""
    secrets = secrets | {f"mcp-internal-tls-{store}": secrets[shown]}
    server = Pod.recorded(stack("prod"), store, directory, secrets)
    client = Pod.recorded(stack("prod"), CLIENT, directory, secrets)
    client.hosts = ("postgres-service", "redis-service")
    with private_network(), run_container(server, STORES[store].container) as running:
        until(lambda: "ready to accept connections" in running.log.lower(), within_seconds=60)
        with run_container(client, CLIENT):
            return until(lambda: dependency(STORES[store].dependency), within_seconds=30)


@pytest.mark.slow
@pytest.mark.parametrize("store", STORES)
def test_a_server_refuses_a_data_store_with_the_certificate_of_another_service(
    secrets: Secrets, tmp_path: Path, store: str
):
    programs.required(*STORES[store].programs)
    assert seen(store, f"mcp-internal-tls-{store}", secrets, tmp_path) == "reachable"
    assert seen(store, WEAKEST, secrets, tmp_path) == "unreachable"


def test_a_certificate_is_not_valid_for_the_names_of_another_service():
    """With the certificates that `up` makes, between all pairs of prod's services and stores."""
    authority = local_certificates.new_authority()
    trust = ssl.create_default_context(cadata=authority.public.decode())
    names = {
        required["name"]: required["dns_names"]
        for required in stack("prod").outputs["required_secrets"]
        if required["kind"] == "internal-certificate"
    }
    assert len(names) == 12
    accepted = {
        (holder, other)
        for holder, shown in shows(authority, names).items()
        for other, dns_names in names.items()
        if any(accepts(trust, shown, name) for name in dns_names)
    }
    assert accepted == {(holder, holder) for holder in names}


def shows(authority: Any, names: dict[str, list[str]]) -> dict[str, ssl.SSLContext]:
    """A TLS server for each Secret, with its certificate."""
    made: dict[str, ssl.SSLContext] = {}
    for holder, dns_names in names.items():
        made[holder] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"".join(local_certificates.new_certificate(authority, dns_names)))
            file.flush()
            made[holder].load_cert_chain(file.name)
    return made


def accepts(trust: ssl.SSLContext, shown: ssl.SSLContext, name: str) -> bool:
    """Whether a client that wants to talk to `name` accepts the server's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = shown.wrap_bio(to_server, to_client, server_side=True)
    client = trust.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return client.version() == "TLSv1.3"
