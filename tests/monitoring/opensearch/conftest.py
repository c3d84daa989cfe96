"""An OpenSearch, and the forwarder and a collector of a stack that send to it.

The two users have the roles of the documentation, and no other.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.log_collector import CollectorProcess, built
from tests.harness.opensearch import KEEPER, WRITER, LogPrograms, OpenSearch, running
from tests.harness.opensearch_logs import programs_of, roles, stack


@pytest.fixture(scope="package")
def node(tmp_path_factory: pytest.TempPathFactory) -> Generator[OpenSearch]:
    made = OpenSearch.at(tmp_path_factory.mktemp("opensearch"))
    with running(made):
        for login, role in zip((WRITER, KEEPER), roles(), strict=True):
            made.grant(login, role)
        yield made


@pytest.fixture(scope="package")
def forwarder(
    node: OpenSearch, tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[LogPrograms, dict[str, Any]]]:
    """The forwarder, and the templates that one run of the job has made."""
    made = programs_of(node, tmp_path_factory.mktemp("forwarder"))
    try:
        made.start()
        ran = made.retention()
        assert ran.returncode == 0, ran.stderr
        found = node.ask("GET", "_index_template/qudag-mcp-*")["index_templates"]
        yield made, {one["name"]: one["index_template"] for one in found}
    finally:
        made.stop()


@pytest.fixture
def programs(forwarder: tuple[LogPrograms, dict[str, Any]]) -> LogPrograms:
    """The forwarder, with empty data streams."""
    made, templates = forwarder
    for stream, template in templates.items():
        made.store.ask("DELETE", f"_data_stream/{stream}")
        made.store.ask("PUT", f"_index_template/{stream}", template)
        made.store.ask("PUT", f"_data_stream/{stream}")
    return made


@pytest.fixture
def store(programs: LogPrograms) -> OpenSearch:
    return programs.store


@pytest.fixture
def collector(programs: LogPrograms, tmp_path: Path) -> Generator[CollectorProcess]:
    """A collector that sends to the forwarder."""
    program = built("collector", "otelcol-contrib")
    made = CollectorProcess(program, tmp_path, stack(), programs.store.authority)
    try:
        made.start(programs.url)
        yield made
    finally:
        made.stop()
