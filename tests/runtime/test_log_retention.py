"""The retention deletes an index only after a complete search, and ends with one line otherwise."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import tomli_w

from runtime.elasticsearch_client import StoreError
from runtime.elasticsearch_config import RetentionSection
from runtime.elasticsearch_documents import index_template
from runtime.log_retention import keep, log_retention
from tests.harness.store_answers import answering, client_of, store_section

NOW: Final = datetime(2026, 11, 29, tzinfo=UTC)


def search(newest: float | None, **changes: Any) -> dict[str, Any]:
    """An answer to the search for the newest line."""
    total = {"value": 0 if newest is None else 1, "relation": "eq"}
    return {
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {"total": total, "hits": []},
        "aggregations": {"newest": {"value": newest}},
        **changes,
    }


def kept(found: Any, folder: Path) -> tuple[list[str], str]:
    """Which indexes a run deletes after such a search, and why it fails."""
    deleted: list[str] = []

    def store(asked: httpx2.Request) -> httpx2.Response:
        path = asked.url.path
        stream = path.split("/")[-1]
        if asked.method == "DELETE":
            deleted.append(stream)
            return httpx2.Response(200, json={"acknowledged": True})
        if "_index_template" in path:
            template = {"index_template": index_template(stream, "opensearch")}
            return httpx2.Response(200, json={"index_templates": [template]})
        if "_data_stream" in path:
            indices = [{"index_name": f"{stream}-{n}"} for n in (1, 2)]
            return httpx2.Response(200, json={"data_streams": [{"indices": indices}]})
        if "_rollover" in path:
            return httpx2.Response(200, json={"rolled_over": False})
        assert asked.url.params["allow_partial_search_results"] == "false"
        return httpx2.Response(200, json=found)

    try:
        asyncio.run(keep(client_of(store, folder), RetentionSection(days=90), NOW))
    except StoreError as error:
        return deleted, str(error)
    return deleted, ""


def test_an_index_is_deleted_if_it_is_empty_or_its_newest_line_is_old(tmp_path: Path):
    both = ["logs-1", "security-1"]
    assert kept(search(None), tmp_path) == (both, "")
    assert kept(search(0), tmp_path) == (both, "")
    assert kept(search(NOW.timestamp() * 1000), tmp_path) == ([], "")


@pytest.mark.parametrize("newest", [None, 0])
@pytest.mark.parametrize(
    "changes",
    [
        {"timed_out": True},
        {"_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 1}},
        {"hits": {"total": {"value": 3, "relation": "eq"}}, "aggregations": {"newest": {}}},
        {"timed_out": None},
        {"_shards": None},
    ],
)
def test_no_index_is_deleted_after_a_search_that_failed_in_part(
    tmp_path: Path, newest: float | None, changes: dict[str, Any]
):
    deleted, why = kept(search(newest, **changes), tmp_path)
    assert deleted == []
    assert why


def test_no_index_with_lines_is_deleted_for_having_no_newest_one(tmp_path: Path):
    found = search(None, hits={"total": {"value": 3, "relation": "eq"}})
    assert kept(found, tmp_path)[0] == []


@pytest.mark.parametrize("found", [[], {}, "a page", search(1e300), search(None) | {"hits": 3}])
def test_no_index_is_deleted_after_an_answer_that_is_not_one_of_the_stores_api(
    tmp_path: Path, found: Any
):
    deleted, why = kept(found, tmp_path)
    assert deleted == []
    assert len(why.splitlines()) == 1


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"index_templates":[]}', b'{"index_templates":[3]}', b"\xff"]
)
def test_a_run_ends_with_one_line_after_an_answer_that_is_not_one_of_the_stores_api(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: bytes
):
    with answering(tmp_path) as answers:
        answers.body_of_get = body
        config = tmp_path / "retention.toml"
        store = store_section(answers, tmp_path)
        forwarder = {"url": "https://127.0.0.1:1", "ca_file": store["ca_file"]}
        sections = {"store": store, "retention": {"days": 90}, "forwarder": forwarder}
        config.write_text(tomli_w.dumps(sections))
        assert log_retention(["--config", str(config)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("qudag-mcp-server: ")
    assert "forwarder" not in said.err  # the run has failed before its report
