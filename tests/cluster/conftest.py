"""A real API server that all tests of this tier share; the first test starts it."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

from tests.harness import apiserver
from tests.harness.apiserver import ApiServer


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[ApiServer]:
    """The bare API server: admission, quota and service accounts work, pods are never scheduled."""
    run = tmp_path_factory.mktemp("apiserver") / "run"
    try:
        with apiserver.api_server(run) as server:
            yield server
    except apiserver.NoServer as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def api_server_with_crds(api_server: ApiServer) -> ApiServer:
    """The same server, once the operators' CRDs are installed in it."""
    folder = apiserver.crds_folder()
    if folder is None:
        where = os.environ.get("CRDS_DIR", "CRDS_DIR, which is not set")
        pytest.skip(f"no CRDs in {where}: set CRDS_DIR to a folder with the operators' YAML files")
    api_server.apply_crds(folder)
    return api_server
