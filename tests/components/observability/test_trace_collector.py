"""The configuration of the collector of traces; `tests/monitoring` runs it."""

from __future__ import annotations

import pytest

from components.kubernetes.pod_settings import SecretKey
from components.mcp.timeout_budget import Distance, TimeoutBudget
from components.observability.otlp_sink import OtlpSink
from components.observability.trace_collector_config import TraceSampling, trace_collector_config

SINK = OtlpSink(url="https://traces.test:4318")


@pytest.mark.parametrize("longest", [10, 60, 600])
def test_the_decision_waits_for_longer_than_the_longest_call(longest: int):
    """A span arrives when it ends: an earlier decision would not know of a slow call."""
    ends = TimeoutBudget(longest_tool=longest).at(Distance.SERVER).timeout
    made = trace_collector_config(TraceSampling(), SINK, longest_seconds=ends)
    assert int(made["processors"]["tail_sampling"]["decision_wait"][:-1]) > ends


def test_memory_is_limited_before_anything_is_kept():
    made = trace_collector_config(TraceSampling(), SINK, longest_seconds=60)
    assert made["service"]["pipelines"]["traces"]["processors"][0] == "memory_limiter"


def test_spans_of_the_platform_arrive_over_tls_1_3():
    """Its own servers send them, so no older version is needed."""
    made = trace_collector_config(TraceSampling(), SINK, longest_seconds=60)
    (protocol,) = made["receivers"]["otlp"]["protocols"].values()
    assert protocol["tls"]["min_version"] == "1.3"


def test_a_token_is_read_from_its_file():
    key = SecretKey(secret="sink", key="token")
    sink = OtlpSink(url="https://traces.test/", token=key, ca=key)
    made = trace_collector_config(TraceSampling(), sink, longest_seconds=60)
    exporter = made["exporters"]["otlphttp"]
    assert exporter["endpoint"] == "https://traces.test"
    assert exporter["auth"] == {"authenticator": "bearertokenauth"}
    assert "bearertokenauth" in made["service"]["extensions"]
    assert made["extensions"]["bearertokenauth"]["filename"] == "/etc/otlp-sink/token"
    assert exporter["tls"]["ca_file"] == "/etc/otlp-sink-ca/token"


def test_a_sink_without_a_token_gets_no_header():
    made = trace_collector_config(TraceSampling(), SINK, longest_seconds=60)
    assert "bearertokenauth" not in str(made)
    assert "ca_file" not in made["exporters"]["otlphttp"]["tls"]
