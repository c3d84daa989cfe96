"""A network, certificates and stacks for tests that run real programs with rendered files."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness import nginx_gateway
from tests.harness.certificates import Authority
from tests.harness.network import private_network
from tests.harness.tokens import Issuer


@pytest.fixture(scope="module", autouse=True)
def network() -> Generator[None]:
    with private_network():
        yield


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.at(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The platform's own, for both certificates."""
    return Authority.at(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def opened(tmp_path: Path, authority: Authority) -> Callable[..., Any]:
    """Opens a gateway in front of a server that tells all; see `nginx_gateway`."""
    return partial(nginx_gateway.opened, tmp_path, authority)
