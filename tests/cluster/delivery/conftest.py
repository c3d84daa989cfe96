"""`delivery.kubectl` connected to the API server of this tier."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from delivery.kubectl import Kubectl
from delivery.progress import Progress
from tests.harness.apiserver import ApiServer


@pytest.fixture(scope="session")
def kubectl(api_server: ApiServer) -> Kubectl:
    context = api_server.kubectl("config", "current-context").stdout.strip()
    return Kubectl(api_server.programs / "kubectl", context, api_server.kubeconfig)


@pytest.fixture
def progress() -> Progress:
    return Progress(Console(file=io.StringIO()))
