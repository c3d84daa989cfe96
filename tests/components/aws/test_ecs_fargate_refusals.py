"""EcsFargate: what AWS cannot do, and doors left open or shut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.aws.container import EcsFargateArgs
from tests.harness.clouds import (
    AWS_NETWORK,
    AWS_SECRET,
)
from tests.harness.ecs_fargate import CONFIG, args, refused, slow


def keys_at(url: str) -> dict[str, Any]:
    """Where the issuer publishes its keys, as a change of the args."""
    return {"config": replace(CONFIG, auth=replace(CONFIG.auth, jwks_url=url))}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        (slow(111), "config.budget", "2 to 120"),
        (slow(111), "config.budget", "at most 110 s"),
        (slow(3596), "config.budget.drain", "at most 3600"),
        ({"cpu": 300}, "cpu", "256, 512"),
        ({"memory": 512}, "memory", "write 1024"),
        ({"cpu": 4096, "memory": 65536}, "memory", "write 30720"),
        ({"min_tasks": 0}, "min_tasks", "1 or more"),
        ({"min_tasks": 11}, "min_tasks", "max_tasks to no less"),
        ({"config": replace(CONFIG, domain=None)}, "config.domain", "certificate is for"),
        ({"allowed_from": ["10.0.0.0/8"]}, "allowed_from", "one of the two"),
        ({"public": False, "allowed_from": ["0.0.0.0/0"]}, "allowed_from[0]", "public to true"),
        ({"public": False, "allowed_from": ["10.0.0.1/8"]}, "allowed_from[0]", "10.0.0.0/8"),
        (
            {"network": replace(AWS_NETWORK, public_subnets=())},
            "network.public_subnets",
            "two or more",
        ),
        (
            {"network": replace(AWS_NETWORK, private_subnets=["subnet-0aaaaaaaaaaaaaaaa"])},
            "network.private_subnets",
            "two or more",
        ),
        ({"log_retention": 2}, "log_retention", "write 3"),
        ({"secrets": {"QUDAG_MCP_X": AWS_SECRET}}, "secrets.QUDAG_MCP_X", "call it X"),
        (keys_at("https://login.example.com:8443/keys"), "config.auth.jwks_url", "port 443"),
        ({"secrets": {"A": AWS_SECRET.removesuffix("-a1B2c3")}}, "secrets.A", "six characters"),
        ({"secrets": {"A": f"{AWS_SECRET}:key"}}, "secrets.A", "whole ARN"),
        ({"secrets": {"A": "qudag-mcp/a"}}, "secrets.A", "whole ARN"),
    ],
)
def test_what_aws_cannot_do_is_refused_with_path_and_fix(
    changes: dict[str, Any], path: str, words: str
):
    assert words in refused(**changes)[path]


def test_who_may_connect_is_said_and_never_assumed():
    given = {key: value for key, value in vars(args()).items() if key != "public"}
    with pytest.raises(TypeError, match="public"):
        EcsFargateArgs(**given)
