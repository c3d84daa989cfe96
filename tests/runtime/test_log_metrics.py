"""The forwarder exports the metrics of the list, and counts what becomes of lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import generate_latest

from components.mcp.metrics import exported_by
from runtime import log_forwarder
from runtime.log_forwarder import Forwarder
from runtime.log_retention import RETENTION_PATH
from tests.harness.exported_metrics import listed, scraped
from tests.harness.store_answers import client_of
from tests.runtime.test_log_forwarder import bulk, otlp, sent

AGE = "mcp_log_retention_age_seconds"


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    def event(*_: object, **__: object) -> None:
        """Logs nothing."""

    monkeypatch.setattr(log_forwarder, "event", event)


def answers(*statuses: int) -> httpx2.Response:
    """The answer of a store to a bulk request, with a status for each line."""
    error: dict[str, Any] = {"type": "mapper_parsing_exception"}
    items = [{"create": {"status": one, "error": error}} for one in statuses]
    return httpx2.Response(200, json={"items": items})


def values(forwarder: Forwarder) -> dict[str, float]:
    """The samples of its metrics."""
    text = generate_latest(forwarder.metrics.registry).decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("mcp_log")]
    return {name: float(value) for name, value in lines}


async def test_a_forwarder_that_was_told_of_a_run_exports_what_the_list_says(tmp_path: Path):
    forwarder = Forwarder(client_of(bulk(lambda _: answers(201)), tmp_path))
    assert AGE not in values(forwarder)
    await sent(forwarder, otlp("a"))
    transport = httpx2.ASGITransport(forwarder.app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://forwarder") as http:
        assert (await http.post(RETENTION_PATH)).status_code == 200
    assert 0 <= values(forwarder)[AGE] < 60
    text = generate_latest(forwarder.metrics.registry).decode()
    assert scraped(text) == listed(exported_by("log_forwarder"))


async def test_lines_are_counted_by_what_becomes_of_them(tmp_path: Path):
    forwarder = Forwarder(client_of(bulk(lambda _: answers(201, 400, 409)), tmp_path))
    assert (await sent(forwarder, otlp("a", "b", "c"))).status_code == 400
    found = values(forwarder)
    assert found['mcp_log_lines_total{outcome="stored"}'] == 2
    assert found['mcp_log_lines_total{outcome="refused"}'] == 1
    assert found['mcp_log_requests_total{status="400"}'] == 1
    assert found["mcp_log_store_duration_seconds_count"] == 1
    assert found["mcp_log_store_up"] == 1
    assert found["mcp_log_requests_unanswered"] == 0


async def test_a_store_that_does_not_answer_is_down_until_it_takes_lines(tmp_path: Path):
    up = False

    def store(_: httpx2.Request) -> httpx2.Response:
        return answers(201) if up else httpx2.Response(401)

    forwarder = Forwarder(client_of(bulk(store), tmp_path))
    assert values(forwarder)["mcp_log_store_up"] == 1
    assert (await sent(forwarder, otlp("a"))).status_code == 503
    assert values(forwarder)["mcp_log_store_up"] == 0
    up = True
    assert (await sent(forwarder, otlp("a"))).status_code == 200
    assert values(forwarder)["mcp_log_store_up"] == 1
    assert values(forwarder)['mcp_log_lines_total{outcome="stored"}'] == 1
