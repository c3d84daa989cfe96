"""Collectors on real nodes: the store has lines of every pod, under the names of the workloads."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
import yaml

from tests.harness.deployed_platform import ROOT, Platform
from tests.harness.example_stacks import running
from tests.harness.server import until

EXAMPLE: Final = ROOT / "examples/observability/Pulumi.observability.yaml"
STORE: Final = "qudag-observed-monitoring/pods/https:log-store-0:9428"


def with_logs(folder: Path) -> Path:
    """The example, with collectors and a store of log lines."""
    stated = yaml.safe_load(EXAMPLE.read_text())
    stated["config"]["qudag-mcp:observability"]["logs"] = {"store": {"size": "1Gi"}}
    path = folder / "Pulumi.observability.yaml"
    path.write_text(yaml.safe_dump(stated))
    return path


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    file = with_logs(tmp_path_factory.mktemp("stated"))
    with running(file, tmp_path_factory.mktemp("collected")) as stack:
        yield stack.platform


def stored(platform: Platform) -> list[dict[str, Any]]:
    """Lines that are no security events."""
    path = f"/api/v1/namespaces/{STORE}/proxy/select/logsql/query?query={quote('*')}"
    asked = platform.kubectl.run("get", "--raw", path)
    return [json.loads(line) for line in asked.out.splitlines()] if asked.status == 0 else []


def test_lines_of_every_workload_arrive_under_its_name(observed: Platform):
    wanted = {"mcp-server", "postgres", "redis", "prometheus"}

    def services() -> set[str]:
        return {one["service.name"] for one in stored(observed)}

    until(lambda: wanted <= services(), 120)
    namespaces = {one["k8s.namespace.name"] for one in stored(observed)}
    assert namespaces <= {"qudag-observed", "qudag-observed-monitoring"}
