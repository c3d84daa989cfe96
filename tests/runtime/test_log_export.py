"""Copies of log lines: their form in OTLP, what is masked, and what is told of lost ones."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from components.observability import log_fields
from runtime import log_masking, logs
from runtime.config import Config
from runtime.log_export import BoundedProcessor, LogExport, record_of
from runtime.log_export_config import LogExportSection
from runtime.lost_telemetry import LostTelemetry
from tests.harness.canaries import leaks
from tests.harness.leaking_lines import LEAKING, PERSONAL, READABLE, SECRET
from tests.harness.server import settings
from tests.harness.tokens import Issuer

ENDPOINT = {"endpoint": "https://otlp.test/v1/logs"}
LINE = {
    "time": "2026-11-29T12:00:00.000Z",
    "level": "info",
    "server": "mcp",
    "role": "tools",
    "event": "request",
    "method": "POST",
    "path": "/mcp",
    "status": 200,
    "seconds": 0.01,
    "streamed": True,
    "subject": "ada",
    "client": "203.0.113.77",
    "request_id": "a" * 32,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
}


def test_a_line_has_the_form_that_the_collector_gives_it_in_a_cluster():
    record = record_of(LINE)
    assert record.body == "request"
    assert record.severity_text == "info"
    assert record.severity_number is not None
    assert record.severity_number.value == 9  # INFO in OTLP
    assert (record.trace_id, record.span_id) == (
        int(str(LINE["trace_id"]), 16),
        int(str(LINE["span_id"]), 16),
    )
    assert record.attributes == {
        "server": "mcp",
        "role": "tools",
        "event": "request",
        "method": "POST",
        "path": "/mcp",
        "status": 200,
        "seconds": 0.01,
        "streamed": True,
        # printf ada | sha256sum | cut -c1-16
        "subject": "fdee430d40bd57de",
        "client": "203.0.113.0",
        "request_id": "a" * 32,
    }


@pytest.mark.parametrize(
    ("address", "shown"),
    [("2001:db8:1:2::3", "2001:db8::"), ("127.0.0.1", "127.0.0.0"), ("no address", None)],
)
def test_an_address_is_a_network_or_nothing(address: str, shown: str | None):
    attributes = record_of({**LINE, "client": address}).attributes or {}
    assert attributes.get("client") == shown


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ({"event": "token_refused"}, True),
        ({"event": "session_refused"}, True),
        ({"event": "audit_write_failed"}, True),
        ({"event": "request", "status": 401}, True),
        ({"event": "request", "status": 403}, True),
        ({"event": "limit", "refused": "rate"}, True),
        ({"event": "request", "status": 404}, False),
        ({"event": "request", "status": 200}, False),
    ],
)
def test_security_events_have_their_category(line: dict[str, Any], is_one: bool):
    attributes = record_of({"level": "warning", **line}).attributes or {}
    assert (attributes.get("category") == "security") is is_one


@pytest.mark.parametrize(
    ("level", "text", "number"),
    [
        ("debug", "debug", 5),
        ("warning", "warn", 13),
        ("error", "error", 17),
        ("critical", "fatal", 21),
    ],
)
def test_severities_are_those_of_otlp(level: str, text: str, number: int):
    record = record_of({"level": level, "event": "e"})
    assert record.severity_number is not None
    assert (record.severity_text, record.severity_number.value) == (text, number)
    assert (record.trace_id, record.span_id) == (0, 0)


def test_the_patterns_are_those_of_the_collector():
    of_collector = [*log_fields._HIDDEN_TEXTS, log_fields._EMAIL]  # pyright: ignore[reportPrivateUsage]
    networks = log_fields._ADDRESSES[log_fields.LogMasking().addresses]  # pyright: ignore[reportPrivateUsage]
    assert [*log_masking.PATTERNS] == [*of_collector, *networks]
    assert log_masking.HIDDEN_KEYS == log_fields._HIDDEN_KEYS  # pyright: ignore[reportPrivateUsage]
    assert log_masking.SECURITY_EVENTS == log_fields._SECURITY_EVENTS  # pyright: ignore[reportPrivateUsage]
    assert log_masking.SECURITY_TEXTS == log_fields._SECURITY_TEXTS  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("text", LEAKING)
def test_secrets_and_personal_data_in_copies_are_masked(text: str):
    line: dict[str, Any] = {"event": text, "args": {"said": [text]}}
    with contextlib.suppress(ValueError):
        line = json.loads(text)
    record = record_of({"level": "info", **line})
    shown = json.dumps([record.body, dict(record.attributes or {})])
    assert leaks([SECRET], {"the copy": shown}) == []
    assert [one for one in PERSONAL if one in shown] == []


@pytest.mark.parametrize("text", READABLE)
def test_lines_without_secrets_are_copied_as_they_are(text: str):
    record = record_of({"level": "info", "event": text})
    assert record.body == text


def test_counts_of_tokens_are_copied():
    record = record_of({"level": "info", "event": "called", "usage": {"total_tokens": 532}})
    assert record.attributes == {"event": "called", "usage.total_tokens": 532}


def test_what_is_left_of_a_masked_copy_can_be_read():
    line = {
        "event": "mail to ada@example.com with Bearer abcdef123456",
        "password": "hunter2",
        "api": {"key": "hunter2", "tries": [1, "from 203.0.113.77"]},
        "message": "a second one",
    }
    record = record_of({"level": "info", **line})
    assert record.body == "mail to <e-mail> with Bearer <token>"
    assert record.attributes == {
        "event": "mail to <e-mail> with Bearer <token>",
        "api.tries.0": 1,
        "api.tries.1": "from 203.0.113.0",
    }


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ({"event": "bad \udc80"}, {"event": "bad \ufffd"}),
        ({"event": "e", "tool": "\ud800"}, {"tool": "\ufffd"}),
        ({"event": "e", "subject": "\ud800"}, {"subject": "fb3d435851b285a9"}),
        ({"event": "e", "n": 2**70}, {"n": str(2**70)}),
        ({"event": "e", "n": -(2**63)}, {"n": -(2**63)}),
        ({"event": "e", "trace_id": "zz"}, {"event": "e"}),
        ({"event": "e", "text": "a " * 100_000}, {"text": "a " * 2046 + "a"}),
        ({"event": "=" * 100_000}, {"event": "=" * 4096}),
    ],
)
def test_what_otlp_cannot_hold_loses_no_line(line: dict[str, Any], sent: dict[str, Any]):
    record = record_of({"level": "info", **line})
    now = ReadableLogRecord(record, Resource({}), InstrumentationScope("tests"))
    assert encode_logs([now]).SerializeToString()
    attributes = record.attributes or {}
    assert {key: attributes.get(key) for key in sent} == sent
    assert record.body == attributes["event"]


def test_a_line_has_no_more_attributes_than_a_receiver_takes():
    attributes = record_of({"level": "info", "event": "e", "at": ["frame"] * 1000}).attributes
    assert len(attributes or {}) == log_masking.MAX_ATTRIBUTES


def test_a_line_of_which_no_copy_can_be_made_is_written_and_counted(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    class Unprintable:
        printed = False

        def __str__(self) -> str:
            if self.printed:
                raise ZeroDivisionError
            self.printed = True
            return "once"

    counted: list[tuple[str, int]] = []
    export = LogExport.__new__(LogExport)

    def count(outcome: str, number: int) -> None:
        counted.append((outcome, number))

    export.counts = count
    monkeypatch.setattr(logs._DIRECT, "copy", export.copy)  # pyright: ignore[reportPrivateUsage]
    lines = logs.JsonLines(Config.model_validate(settings(issuer)))
    lines.write("called", logging.INFO, {"by": Unprintable()})
    assert json.loads(capsys.readouterr().err)["by"] == "once"
    assert counted == [("failed", 1)]


@pytest.mark.slow
def test_lines_are_dropped_and_counted_while_the_queue_is_full():
    counts = {"sent": 0, "failed": 0, "dropped": 0}

    def count(outcome: str, number: int) -> None:
        counts[outcome] += number

    export = LogExport(LogExportSection.model_validate({**ENDPOINT, "queue": 512}), {}, count)
    (processor,) = export.provider._multi_log_record_processor._log_record_processors  # pyright: ignore
    assert isinstance(processor, BoundedProcessor)
    try:
        # nothing is taken
        processor.limit.export = lambda export, batch, success: LogRecordExportResult.FAILURE
        for _ in range(600):
            export.copy(LINE)
        assert counts["dropped"] == 600 - 512
    finally:
        export.shutdown()


def test_lost_lines_are_told_at_most_once_a_minute(monkeypatch: pytest.MonkeyPatch):
    told: list[dict[str, Any]] = []

    def tell(name: str, _level: int, **facts: object) -> None:
        told.append({name: {key: fact for key, fact in facts.items() if fact is not None}})

    monkeypatch.setattr("runtime.lost_telemetry.event", tell)
    now = [0.0]
    lost = LostTelemetry("logs", lambda: now[0])
    lost("sent", 10)
    assert told == []
    lost("failed", 3)
    lost("dropped", 2)
    now[0] = 59.9
    lost("failed", 1)
    assert told == [{"telemetry_lost": {"signal": "logs", "failed": 3, "dropped": 0}}]
    now[0] = 60
    lost("failed", 4)
    assert told[1:] == [{"telemetry_lost": {"signal": "logs", "failed": 5, "dropped": 2}}]
    # Those of the last minute of an outage are told when something is sent again.
    now[0] = 70
    lost("failed", 7)
    now[0] = 200
    lost("sent", 1)
    assert told[2:] == [{"telemetry_lost": {"signal": "logs", "failed": 7, "dropped": 0}}]


def test_a_lost_copy_of_the_line_that_tells_of_lost_ones_is_counted(
    monkeypatch: pytest.MonkeyPatch,
):
    lost = LostTelemetry("logs")

    def tell(_name: str, _level: int, **_facts: object) -> None:
        lost("dropped", 1)  # with the lock taken, it would wait for ever

    monkeypatch.setattr("runtime.lost_telemetry.event", tell)
    lost("failed", 1)
    assert lost.lost == {"failed": 0, "dropped": 1}


def test_a_line_of_the_libraries_that_send_is_not_sent(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
):
    copied: list[Any] = []
    monkeypatch.setattr(logs._DIRECT, "copy", copied.append)  # pyright: ignore[reportPrivateUsage]
    lines = logs.JsonLines(Config.model_validate(settings(issuer)))
    for name in ("urllib3.connectionpool", "opentelemetry.exporter", "requests", "uvicorn"):
        record = logging.LogRecord(name, logging.WARNING, "", 0, name, None, None)
        assert json.loads(lines.format(record))["event"] == name
    assert [line["event"] for line in copied] == ["uvicorn"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"endpoint": "http://otlp.test/v1/logs", "token_env": "TOKEN"}, "in clear"),
        ({"endpoint": "http://otlp.test/v1/logs", "ca": "PEM"}, "no effect"),
        ({**ENDPOINT, "ca": "PEM", "ca_file": "/ca.crt"}, "not both"),
        ({**ENDPOINT, "header": "X Api Key"}, "header"),
        ({**ENDPOINT, "header": "x.key"}, "header"),
        ({**ENDPOINT, "header": "Content-Type"}, "set by the server itself"),
        ({**ENDPOINT, "scheme": "Digest"}, "scheme"),
        ({**ENDPOINT, "token": "hunter2"}, "token"),
        ({**ENDPOINT, "queue": 1}, "queue"),
    ],
)
def test_a_wrong_section_is_refused(wrong: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        LogExportSection.model_validate(wrong)


def test_lines_of_text_cannot_be_copied(issuer: Issuer):
    config = settings(issuer, log_export=ENDPOINT, logging={"format": "text"})
    with pytest.raises(ValueError, match=r"logging\.format is text"):
        Config.model_validate(config)


def test_a_token_that_is_not_set_is_named(issuer: Issuer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OTLP_TOKEN", raising=False)
    section = {**ENDPOINT, "token_env": "OTLP_TOKEN"}
    config = Config.model_validate(settings(issuer, log_export=section))
    assert config.absent() == ["log_export.token_env: OTLP_TOKEN is not set"]
    monkeypatch.setenv("OTLP_TOKEN", "s3cret\n")
    assert config.absent() == []
    assert config.log_export is not None
    assert config.log_export.headers() == {"Authorization": "Bearer s3cret"}
    plain = LogExportSection.model_validate({**section, "header": "X-Api-Key", "scheme": "none"})
    assert plain.headers() == {"X-Api-Key": "s3cret"}


def test_an_authority_in_the_text_of_the_configuration_is_read_as_a_file():
    section = LogExportSection.model_validate({**ENDPOINT, "ca": "-----BEGIN CERTIFICATE-----"})
    file = section.authorities()
    assert file is not None
    assert Path(file).read_text() == "-----BEGIN CERTIFICATE-----"
