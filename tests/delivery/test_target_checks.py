"""`verify` visits each address in the clouds that the outputs of a stack name."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from delivery.called_server import called_server
from delivery.checks import CheckStatus
from delivery.verify import check_server, problems, run_checks
from tests.delivery.test_verify import NO_CLUSTER, PRM, of, platform, results
from tests.harness.certificates import Authority
from tests.harness.front import in_front
from tests.harness.server import RunningServer, free_port
from tests.harness.tokens import ISSUER, Issuer
from tests.harness.user_server import running
from tests.harness.weather_server import weather

pytestmark = pytest.mark.slow

CLOUD = "aws-container"
WITHOUT_TOKEN = ("TLS", "401 without a token", "metadata")


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.at(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    """What stands at the address of the platform, with an authority of its own."""
    with platform(tmp_path_factory.mktemp("cluster"), issuer) as server:
        yield server


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    """A front before a program, at an address in a cloud."""
    directory = tmp_path_factory.mktemp("cloud")
    authority = Authority.at(directory)
    certificate, key = authority.issue()
    port = free_port()
    auth = {
        "issuer": ISSUER,
        "jwks_file": str(issuer.jwks_file),
        "resource_url": f"https://127.0.0.1:{port}/mcp",
    }
    server = {"tls_port": port, "tls_cert": str(certificate), "tls_key": str(key)}
    with (
        running(weather()) as program,
        in_front(
            directory, issuer, program.port, trust=authority.trust(), server=server, auth=auth
        ) as front,
    ):
        yield front


@pytest.fixture(autouse=True)
def authority_of_the_cloud(cloud: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public authorities of this machine are that of the cloud."""
    monkeypatch.setenv("SSL_CERT_FILE", str(cloud.config_file.parent / "ca.crt"))


def place(base: str, **outputs: Any) -> dict[str, Any]:
    told = {"mcp_url": f"{base}/mcp", "prm_url": base + PRM, "issuer": ISSUER, "era": "dual"}
    return told | outputs


def found(checks: list[Any], name: str) -> dict[str, str]:
    return {
        what.removeprefix(f"{name}: "): how
        for what, how in results(checks).items()
        if what.startswith(f"{name}: ")
    }


def test_all_servers_are_checked_in_each_cloud(cluster: RunningServer, cloud: RunningServer):
    at_cloud = {CLOUD: place(cloud.base)}
    servers = {"weather": {**place(cluster.base), "targets": at_cloud}}
    subject = of(cluster, servers=servers, targets={"gcp-container": place(cloud.base)})
    checks = run_checks(subject, NO_CLUSTER)
    for name in (f"weather at {CLOUD}", "gcp-container"):
        assert found(checks, name) == dict.fromkeys(WITHOUT_TOKEN, "ok")
    assert found(checks, "weather")["metadata"] == "ok"
    assert problems(checks) == []
    one = check_server(subject, NO_CLUSTER, called_server(subject.outputs, "weather"))
    assert found(one, f"weather at {CLOUD}") == dict.fromkeys(WITHOUT_TOKEN, "ok")


def test_a_server_in_a_cloud_alone_is_checked_against_public_authorities(
    cluster: RunningServer, cloud: RunningServer
):
    here = place(cloud.base)
    servers = {"weather": {**here, "targets": {CLOUD: here}}}
    subject = of(cluster, servers=servers)
    checks = check_server(subject, NO_CLUSTER, called_server(subject.outputs, "weather"))
    assert found(checks, "weather")["401 without a token"] == "ok"
    assert problems(checks) == []


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"issuer": "https://login.example.com"}, "without https://login.example.com"),
        ({"prm_url": "https://127.0.0.1/other"}, "its challenge points to"),
    ],
)
def test_an_answer_that_differs_from_the_outputs_is_found(
    cluster: RunningServer, cloud: RunningServer, outputs: dict[str, Any], said: str
):
    subject = of(cluster, targets={CLOUD: place(cloud.base, **outputs)})
    checks = run_checks(subject, NO_CLUSTER)
    assert any(said in problem.what for problem in problems(checks))


def test_a_certificate_of_another_authority_ends_the_checks(cluster: RunningServer):
    subject = of(cluster, targets={CLOUD: place(cluster.base)})
    # The gateway's own authority is trusted for the gateway alone.
    subject.outputs["mcp_url"] = cluster.base.replace("127.0.0.1", "localhost") + "/mcp"
    checks = run_checks(subject, NO_CLUSTER)
    assert found(checks, CLOUD) == {
        "TLS": "failed",
        "401 without a token": "not checked",
        "metadata": "not checked",
    }


def test_an_open_server_and_one_that_is_down_are_found(
    cluster: RunningServer, cloud: RunningServer
):
    with running(weather()) as program:
        opened = place(f"http://127.0.0.1:{program.port}")
        checks = run_checks(of(cluster, targets={CLOUD: opened}), NO_CLUSTER)
    assert found(checks, CLOUD)["401 without a token"] == "failed"
    down = place(f"https://127.0.0.1:{free_port()}")
    checks = run_checks(of(cluster, targets={CLOUD: down}), NO_CLUSTER)
    assert found(checks, CLOUD)["TLS"] == "failed"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("[unknown]", "the outputs name no address: [unknown]"),
        ("None", "the outputs name no address"),
        ("https://", "the outputs name no address"),
        ("https://[fd00::1]/mcp", "fd00::1 is a private address"),
    ],
)
def test_what_cannot_be_checked_is_named(
    cluster: RunningServer,
    cloud: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    said: str,
):
    monkeypatch.setattr("delivery.target_checks.CONNECT_SECONDS", 0.2)
    targets = {CLOUD: place("", mcp_url=url, prm_url=url)}
    checks = run_checks(of(cluster, targets=targets), NO_CLUSTER)
    visited = [one for one in checks if one.what.startswith(CLOUD)]
    assert [one.what.removeprefix(f"{CLOUD}: ") for one in visited] == [*WITHOUT_TOKEN]
    assert {one.status for one in visited} == {CheckStatus.NOT_CHECKED}
    assert all(said in one.found for one in visited)
