"""Which clouds wait as long as ``protocol.drainSeconds`` asks them to."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.targets import TARGETS

AWS_CONTAINER = {
    "domain": "mcp.example.com",
    "certificate": "arn:aws:acm:eu-west-1:123456789012:certificate/"
    "0a1b2c3d-0000-4000-8000-0123456789ab",
}


@pytest.mark.parametrize(
    ("kind", "cloud", "section", "waits"),
    [
        ("serverless", "aws", {}, False),
        ("serverless", "gcp", {}, False),
        ("serverless", "azure", {}, False),
        ("containers", "aws", AWS_CONTAINER, True),
        ("containers", "gcp", {}, False),
        ("containers", "azure", {"kind": "app"}, True),
        ("containers", "azure", {"kind": "group"}, False),
    ],
)
def test_only_fargate_and_container_apps_wait(
    kind: str, cloud: str, section: dict[str, Any], waits: bool
):
    server = TARGETS[cloud].server(kind)
    assert server is not None
    assert server.drains(server.section.model_validate(section)) is waits
