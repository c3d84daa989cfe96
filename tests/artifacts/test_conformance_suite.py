"""The official MCP conformance suite, through the gateway: the scenarios that concern transport."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from tests.harness.certificates import Authority
from tests.harness.conformance_suite import examined
from tests.harness.network import port
from tests.harness.nginx_gateway import BEHIND, NAME, gateway_pod
from tests.harness.running_pod import run_container
from tests.harness.server import fetch, free_port, serving, until
from tests.harness.token_proxy import token_proxy
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

SCENARIOS = (
    "server-initialize",
    "ping",
    "tools-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer
) -> Generator[str]:
    """The address of the gateway, in front of a server, for clients without a token."""
    directory = tmp_path_factory.mktemp("conformance")
    certificate, key = authority.issue("core", [NAME])
    server = {
        "port": free_port(),
        "tls_port": port(BEHIND),
        "tls_cert": str(certificate),
        "tls_key": str(key),
    }
    auth = {"issuer": ISSUER, "resource_url": AUDIENCE, "jwks_file": str(issuer.jwks_file)}
    pod = gateway_pod(directory, authority)
    with (
        serving(directory, issuer, authority.trust(), server=server, auth=auth) as running,
        run_container(pod, "gateway") as gateway,
    ):

        def is_open() -> bool:
            assert gateway.process.poll() is None, gateway.log
            try:
                return fetch(f"http://127.0.0.1:{port(8080)}/ready").status_code == 200
            except httpx2.ConnectError:
                return False

        until(is_open)
        with token_proxy(port(8443), running.token, authority.trust()) as proxy:
            yield proxy


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_transport_scenario_of_the_official_suite_passes(
    address: str, scenario: str, tmp_path: Path
):
    ran = examined(f"http://{address}/mcp", tmp_path, "--scenario", scenario)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " 0 failed" in ran.stdout, ran.stdout
