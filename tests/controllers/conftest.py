"""A real API server with a real KEDA and a real Prometheus; a stack that is scaled by metrics."""

from __future__ import annotations

import base64
import io
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from delivery.kubectl import Kubectl
from delivery.progress import Progress
from tests.controllers import own_prometheus_stack
from tests.controllers.scaled_stack import NAMESPACE, ScaledStack
from tests.controllers.stored_secrets import MIGRATED, Stack, Store, deployed
from tests.controllers.stored_secrets import NAMESPACE as NAMESPACE_OF_SECRETS
from tests.harness import apiserver, keda, secret_store
from tests.harness.apiserver import ApiServer
from tests.harness.certificates import Authority
from tests.harness.network import can_isolate
from tests.harness.prometheus import TOKEN, Guard, Prometheus, guarded, program
from tests.harness.server import RunningServer, serving
from tests.harness.tokens import Issuer

PODS = ("mcp-core-7d9f8b6c5-x2x4z", "mcp-tools-7d9f8b6c5-x2x4z")
"""Workload whose labels Prometheus adds to the metrics of the server, which is a process here."""


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with KEDA's programs."""
    folder = keda.folder()
    if not folder.is_dir():
        pytest.skip(f"KEDA is not built; run {keda.BUILD.relative_to(keda.ROOT)}, which needs Go")
    return folder


@pytest.fixture(scope="session")
def api_server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiServer]:
    """The bare API server: pods are never scheduled, and autoscalers count them all the same."""
    del built
    run = tmp_path_factory.mktemp("apiserver") / "run"
    try:
        with apiserver.api_server(run) as server:
            yield server
    except apiserver.NoServer as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def running_keda(
    api_server: ApiServer, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[None]:
    """KEDA's three programs."""
    hosts = {own_prometheus_stack.HOST: own_prometheus_stack.ADDRESS} if can_isolate() else {}
    with keda.keda(api_server, built, tmp_path_factory.mktemp("keda"), hosts):
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningServer]:
    """The MCP server whose metrics are scraped; it ends no stream while a test holds it open."""
    folder = tmp_path_factory.mktemp("server")
    protocol = {"longest_tool_seconds": 300, "drain_seconds": 310}
    with serving(folder, Issuer.at(folder), protocol=protocol) as running:
        yield running


@pytest.fixture(scope="session")
def prometheus(
    built: Path, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Prometheus]:
    """A Prometheus that scrapes the server, with the labels that it would have as a pod."""
    found = program(built.parent)
    if found is None:
        pytest.skip("no Prometheus; tools/controllers/build unpacks Debian's")
    target = server.metrics_url.removeprefix("http://").removesuffix("/metrics")
    targets = [(target, {"namespace": NAMESPACE, "pod": pod}) for pod in PODS]
    running = Prometheus(found, tmp_path_factory.mktemp("prometheus"), targets)
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificate of Prometheus."""
    return Authority.at(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def guard(prometheus: Prometheus, authority: Authority) -> Generator[Guard]:
    """Prometheus as KEDA sees it."""
    with guarded(prometheus, authority) as running:
        yield running


@pytest.fixture(scope="session")
def stack(
    api_server: ApiServer, running_keda: None, guard: Guard, authority: Authority
) -> ScaledStack:
    """The stack, deployed by kubectl as `qudag-mcp up` does it without Pulumi."""
    del running_keda
    context = api_server.kubectl("config", "current-context").stdout.strip()
    kubectl = Kubectl(api_server.programs / "kubectl", context, api_server.kubeconfig)
    progress = Progress(Console(file=io.StringIO()))
    made = ScaledStack(api_server, kubectl, progress, guard.address)
    made.prepare()
    made.create(_secret(authority))
    made.deploy()
    return made


def _secret(authority: Authority) -> dict[str, Any]:
    """The Secret with the token, and with the authority of Prometheus."""
    values = {"token": TOKEN.encode(), "ca.crt": authority.ca_file.read_bytes()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "prometheus-reader", "namespace": NAMESPACE},
        "data": {key: base64.b64encode(value).decode() for key, value in values.items()},
    }


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Generator[Store]:
    """External Secrets and OpenBao, next to an API server of their own."""
    built = secret_store.folder()
    if not built.is_dir():
        pytest.skip("External Secrets is not built; run tools/controllers/external_secrets/build")
    run = tmp_path_factory.mktemp("external-secrets")
    try:
        with (
            apiserver.api_server(run / "run") as server,
            secret_store.openbao(built, run) as bao,
            secret_store.external_secrets(server, built, run),
        ):
            bao.trust(server, NAMESPACE_OF_SECRETS, MIGRATED)
            yield Store(server, bao)
    except apiserver.NoServer as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def stored(store: Store) -> Stack:
    """A stack whose Secrets are read from the store."""
    return deployed(store)
