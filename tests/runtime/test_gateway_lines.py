"""What the exporter beside nginx counts of one line."""

from __future__ import annotations

import pytest

from runtime.gateway_metrics import GatewayMetrics


def limited(line: str) -> dict[str, float]:
    metrics = GatewayMetrics(lambda: "")
    metrics.count(line)
    return {
        sample.labels["limit"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "mcp_gateway_limited_total"
    }


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("/mcp request POST 413 0.001 - - -", {"body": 1.0}),
        # The server has refused it, and counts it itself.
        ("/mcp request POST 413 0.001 PASSED PASSED 413", {}),
        ("/mcp request POST 429 0.001 REJECTED PASSED -", {"requests": 1.0}),
        ("/mcp request POST 429 0.001 PASSED REJECTED -", {"connections": 1.0}),
        # That of the server, which has limits too.
        ("/mcp request POST 429 0.001 PASSED PASSED 429", {}),
        ("/mcp request POST 200 0.001 PASSED PASSED 200", {}),
    ],
)
def test_a_limit_of_the_gateway_is_told_apart_from_one_of_a_server(
    line: str, limits: dict[str, float]
):
    assert limited(line) == limits
