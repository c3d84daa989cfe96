"""A real API server and a real Prometheus, which `tools/prometheus/build` has built."""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.harness import apiserver
from tests.harness.apiserver import ROOT, ApiServer


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with Prometheus and promtool."""
    build = ROOT / "tools/prometheus/build"
    folder = Path(subprocess.check_output([build, "--folder"], text=True).strip())
    if not folder.is_dir():
        pytest.skip(f"Prometheus is not built; run {build.relative_to(ROOT)}, which needs Go")
    return folder


@pytest.fixture(scope="session")
def api_server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiServer]:
    """The bare API server: pods are never scheduled."""
    del built
    run = tmp_path_factory.mktemp("apiserver") / "run"
    try:
        with apiserver.api_server(run) as server:
            yield server
    except apiserver.NoServer as missing:
        pytest.skip(str(missing))
