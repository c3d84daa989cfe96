"""The configuration of the collectors of log lines; `tests/monitoring` runs it."""

from __future__ import annotations

from typing import Any

import pytest

from components.observability.log_fields import LogMasking
from components.observability.log_pipeline import LogSink, LogSinkKind, log_pipeline
from components.observability.otlp_sink import OtlpSink, connection


def pipeline(kind: LogSinkKind = "otlp") -> dict[str, Any]:
    return log_pipeline(
        ["mcp"],
        ["mcp-core"],
        LogSink(kind=kind, url="https://logs.test"),
        LogMasking(),
        queue_bytes="1Gi",
        memory="512Mi",
    )


def test_a_line_that_cannot_be_masked_is_not_delivered():
    """With the mode `ignore` or `silent` it would be, as it was written."""
    processors = pipeline()["processors"]
    assert processors["transform/mask"]["error_mode"] == "propagate"
    masks = processors["transform/mask"]["log_statements"]
    assert not [one for one in masks if one.get("error_mode")]
    order = pipeline()["service"]["pipelines"]["logs/read"]["processors"]
    assert order.index("transform/mask") == len(order) - 1


def test_lines_wait_for_as_long_as_the_sink_is_away():
    """Reading stops when the queue is full; nothing is given up after a while."""
    made = pipeline()
    assert made["receivers"]["filelog"]["retry_on_failure"] == {
        "enabled": True,
        "max_elapsed_time": "0s",
    }
    for exporter in made["exporters"].values():
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
        assert exporter["sending_queue"]["block_on_overflow"]
        assert exporter["sending_queue"]["storage"] == "file_storage"


@pytest.mark.parametrize("kind", ["log-store", "log-forwarder", "loki", "otlp"])
def test_a_sink_is_reached_over_tls_of_today(kind: LogSinkKind):
    for exporter in pipeline(kind)["exporters"].values():
        assert exporter["tls"]["min_version"] in {"1.2", "1.3"}
        assert "insecure" not in str(exporter)
    assert connection(OtlpSink(url="https://traces.test"))["tls"]["min_version"] in {"1.2", "1.3"}
