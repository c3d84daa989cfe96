"""What is sent to Elasticsearch and OpenSearch, and what is told of their answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal

import pytest

from runtime.elasticsearch_client import StoreClient, StoreError
from runtime.elasticsearch_config import ForwarderConfig, RetentionConfig, StoreSection
from runtime.elasticsearch_documents import LONGEST_VALUE, MalformedError, documents, index_template
from runtime.log_forwarder import LARGEST_BULK, parts
from runtime.toml_config import ConfigError, validated
from tests.harness.canaries import Canary, leaks
from tests.harness.server import free_port
from tests.harness.store_answers import Answers, answering

STORE: dict[str, Any] = {
    "kind": "elasticsearch",
    "url": "https://search.example.com",
    "index": "logs",
    "security_index": "security",
    "token_file": "token",
}


@pytest.fixture
def answers(tmp_path: Path) -> Generator[Answers]:
    with answering(tmp_path) as made:
        yield made


def request_of(*records: dict[str, Any]) -> dict[str, Any]:
    """A request of OTLP."""
    index = {"key": "log.index", "value": {"stringValue": "logs"}}
    resource = {"resource": {"attributes": [index]}, "scopeLogs": [{"logRecords": records}]}
    return {"resourceLogs": [resource]}


def stored(answers: Answers, **given: Any) -> Any:
    async def store() -> Any:
        ca = answers.authority.ca_file
        section = STORE | {"url": answers.url, "ca_file": ca} | given
        client = StoreClient(StoreSection.model_validate(section))
        try:
            return await client.store("logs", [("id", b'{"a":1}')])
        finally:
            await client.close()

    return asyncio.run(store())


def test_an_api_key_is_read_from_its_file_and_is_in_no_message(answers: Answers, tmp_path: Path):
    key = Canary.of("an API key")
    (tmp_path / "token").write_text(f"{key.text}\n")
    answers.status, answers.body = 401, b'{"error":{"type":"security_exception","reason":"no"}}'
    with pytest.raises(StoreError) as refused:
        stored(answers, token_file=tmp_path / "token")
    expected = b'{"create": {"_id": "id"}}\n{"a":1}\n'
    assert answers.asked == [("/base/logs/_bulk", f"ApiKey {key.text}", expected)]
    assert leaks([key], {"the message": str(refused.value)}) == []
    assert str(refused.value) == "bulk request: 401 no"


@pytest.mark.parametrize(
    "status", [204, 302, 307, 400, 401, 403, 404, 405, 408, 429, 500, 502, 503, 504]
)
def test_lines_are_tried_again_after_answers_that_may_change(
    answers: Answers, tmp_path: Path, status: int
):
    (tmp_path / "token").write_text("key")
    answers.status = status
    with pytest.raises(StoreError):
        stored(answers, token_file=tmp_path / "token")


@pytest.mark.parametrize(
    ("status", "again"), [(201, False), (409, False), (400, None), (429, True), (503, True)]
)
def test_each_line_has_an_answer_of_its_own(
    answers: Answers, tmp_path: Path, status: int, again: bool | None
):
    """A line that is stored already (409) counts as stored."""
    (tmp_path / "token").write_text("key")
    error = b'{"type":"t","reason":"quotes the line"}'
    answers.body = b'{"items":[{"create":{"status":%d,"error":%s}}]}' % (status, error)
    if again:
        with pytest.raises(StoreError):
            stored(answers, token_file=tmp_path / "token")
        return
    refused = stored(answers, token_file=tmp_path / "token")
    assert [(one.status, one.kind) for one in refused] == ([(400, "t")] if again is None else [])


def test_lines_are_refused_for_good_if_the_store_refuses_a_request(
    answers: Answers, tmp_path: Path
):
    (tmp_path / "token").write_text("key")
    answers.status, answers.body = 400, b'{"error":{"type":"t","reason":"r"},"status":400}'
    refused = stored(answers, token_file=tmp_path / "token")
    assert [(one.status, one.kind) for one in refused] == [(400, "t")]


@pytest.mark.parametrize(
    "body",
    [
        *(b"<html>", b"", b'{"items":[{"create"', b"[]", b'"text"', b"\xff", b"[" * 100_000),
        *(b"{}", b'{"items":null}', b'{"items":[]}', b'{"items":[3]}', b'{"items":[{"index":{}}]}'),
        b'{"items":[{"create":{"status":400}}]}',
        b'{"items":[{"create":{"status":400,"error":"text"}}]}',
        b'{"items":[{"create":{"status":"many"}}]}',
        b'{"items":[{"create":{"status":302,"error":{}}}]}',
        b'{"items":[{"create":{"status":201}},{"create":{"status":201}}]}',
    ],
)
def test_lines_are_tried_again_after_an_answer_that_is_not_one_of_the_stores_api(
    answers: Answers, tmp_path: Path, body: bytes
):
    (tmp_path / "token").write_text("key")
    answers.body = body
    with pytest.raises(StoreError):
        stored(answers, token_file=tmp_path / "token")


def test_a_token_with_other_characters_than_ascii_is_told(answers: Answers, tmp_path: Path):
    (tmp_path / "token").write_text("kéy")
    with pytest.raises(StoreError, match="token has no token") as refused:
        stored(answers, token_file=tmp_path / "token")
    assert "kéy" not in str(refused.value)


def test_a_store_that_is_away_and_a_missing_file_are_told(answers: Answers, tmp_path: Path):
    with pytest.raises(StoreError, match="token cannot be read: FileNotFoundError"):
        stored(answers, token_file=tmp_path / "token")
    (tmp_path / "token").write_text("key")
    with pytest.raises(StoreError, match="ConnectError"):
        stored(answers, token_file=tmp_path / "token", url=f"https://localhost:{free_port()}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://search.example.com"}, "store.url: string should match"),
        ({"kind": "solr"}, "store.kind: input should be"),
        ({"index": "security"}, "store: index and security_index must differ"),
        ({"index": "Logs"}, "store.index: string should match"),
        ({"user": "logs"}, "store: user and password_file belong together"),
        ({"password_file": "a"}, "store: user and password_file belong together"),
        ({"user": "logs", "password_file": "a"}, "store: set either"),
        ({"token_file": None}, "store: set either"),
        ({"tokenfile": "a"}, "store.tokenfile: unknown key; did you mean token_file?"),
    ],
)
def test_a_wrong_configuration_is_refused(changes: dict[str, Any], said: str):
    listen = {"cert": "tls.crt", "key": "tls.key"}
    with pytest.raises(ConfigError) as refused:
        validated("a.toml", {"listen": listen, "store": STORE | changes}, ForwarderConfig)
    assert f"a.toml: {said}" in str(refused.value)


@pytest.mark.parametrize("days", [0, 3651, "90d"])
def test_a_wrong_number_of_days_is_refused(days: Any):
    with pytest.raises(ConfigError, match=r"retention\.days"):
        validated("a.toml", {"store": STORE, "retention": {"days": days}}, RetentionConfig)


def test_a_line_has_the_same_id_each_time_and_no_two_lines_have_the_same():
    def ids(*texts: str) -> list[str]:
        records = [{"timeUnixNano": "1", "body": {"stringValue": text}} for text in texts]
        found = documents(request_of(*records), frozenset({"logs"}))
        return [name for name, _ in found["logs"]]

    assert ids("a", "b", "a") == ids("a", "b", "a")
    assert len(set(ids("a", "b", "a"))) == 3
    assert ids("b")[0] == ids("a", "b")[1]


@pytest.mark.parametrize("number", [10**30, 10**24, -(10**24)])
def test_times_that_are_none_and_numbers_that_are_infinite_are_malformed(number: int):
    for record in (
        {"timeUnixNano": str(number)},
        {"severityNumber": float("inf")},
        {"severityText": float("nan")},
    ):
        with pytest.raises(MalformedError):
            documents(request_of(record), frozenset({"logs"}))


@pytest.mark.parametrize("record", [{}, {"body": {}}, {"body": {"stringValue": ""}}])
def test_a_line_without_a_body_has_an_empty_message(record: dict[str, Any]):
    ((_, written),) = documents(request_of(record), frozenset({"logs"}))["logs"]
    assert json.loads(written)["message"] == ""


def test_large_requests_are_sent_in_parts():
    large = [(str(n), b"x" * (LARGEST_BULK // 3)) for n in range(7)]
    assert [len(part) for part in parts(large)] == [3, 3, 1]
    assert [len(part) for part in parts([("a", b"x" * LARGEST_BULK * 2), ("b", b"x")])] == [1, 1]
    assert list(parts([])) == []


@pytest.mark.parametrize(
    ("kind", "flat"), [("elasticsearch", "flattened"), ("opensearch", "flat_object")]
)
def test_a_template_maps_attributes_as_the_store_does(
    kind: Literal["elasticsearch", "opensearch"], flat: str
):
    mapped = index_template("logs", kind)["template"]["mappings"]
    assert mapped["properties"]["attributes"]["type"] == flat
    assert mapped["dynamic"] is False
    assert LONGEST_VALUE * 4 < 32_766  # bytes of a term in Lucene
