"""Only programs that make spans may connect to the collector of traces."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.config.validation import validate
from stacks.services import topology
from tests.harness.user_servers import NETWORK


@pytest.mark.parametrize(
    ("images", "sends"),
    [
        ({}, True),
        ({"gatewayEngine": "agentgateway", "agentgateway": "ghcr.io/acme/agentgateway:1.4"}, True),
        # A gateway of the user, whose configuration the platform does not write.
        ({"gatewayEngine": "image", "gateway": "ghcr.io/acme/gateway:1"}, False),
    ],
)
def test_a_gateway_without_spans_has_no_flow_to_the_collector(images: dict[str, Any], sends: bool):
    sink = {"url": "https://traces.example.com", "networks": ["192.0.2.0/24"]}
    config = validate(
        {
            "environment": "dev",
            "topology": "microservices",
            "domain": "mcp.example.com",
            "network": NETWORK,
            "images": images,
            "observability": {"kind": "operator", "traces": {"sink": sink}},
        },
        stack="dev",
    )
    made = topology(config)
    senders = {flow.source for flow in made.flows if flow.target == "trace-collector"}
    assert ("mcp-gateway" in senders) is sends
    assert "mcp-core" in senders
