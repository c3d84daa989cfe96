"""EcsFargate: limits of AWS, and access that contradicts itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.aws.container_args import EcsFargateArgs
from components.mcp.access import NetworkAccess
from tests.harness.clouds import (
    AWS_NETWORK,
    AWS_SECRET,
)
from tests.harness.ecs_fargate import CONFIG, args, refused, slow

NETWORKS = "access.allowed_networks"


def open_to(*networks: str, public: bool = False) -> dict[str, Any]:
    """Who may connect, as a change of the args."""
    return {"access": NetworkAccess(public=public, allowed_networks=networks)}


def keys_at(url: str) -> dict[str, Any]:
    """Where the issuer publishes its keys, as a change of the args."""
    return {"config": replace(CONFIG, auth=replace(CONFIG.auth, jwks_url=url))}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        (slow(111), "config.budget", "2 to 120"),
        (slow(111), "config.budget", "at most 110 s"),
        (slow(3596), "config.budget.drain", "at most 3600"),
        ({"cpu": 0.3}, "cpu", "0.25, 0.5"),
        ({"memory_mb": 512}, "memory_mb", "write 1024"),
        ({"cpu": 4, "memory_mb": 65536}, "memory_mb", "write 30720"),
        ({"min_instances": 0}, "min_instances", "1 or more"),
        ({"min_instances": 11}, "min_instances", "max_instances to at least 1"),
        ({"config": replace(CONFIG, domain=None)}, "config.domain", "certificate is for"),
        (open_to("10.0.0.0/8", public=True), NETWORKS, "one of the two"),
        (open_to("0.0.0.0/0"), f"{NETWORKS}[0]", "public: true"),
        (open_to("10.0.0.1/8"), f"{NETWORKS}[0]", "10.0.0.0/8"),
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
        ({"log_retention_days": 2}, "log_retention_days", "write 3"),
        ({"secrets": {"QUDAG_MCP_X": AWS_SECRET}}, "secrets.QUDAG_MCP_X", "use the name X"),
        (keys_at("https://login.example.com:8443/keys"), "config.auth.jwks_url", "port 443"),
        ({"secrets": {"A": AWS_SECRET.removesuffix("-a1B2c3")}}, "secrets.A", "six characters"),
        ({"secrets": {"A": f"{AWS_SECRET}:key"}}, "secrets.A", "the ARN of a secret"),
        ({"secrets": {"A": "qudag-mcp/a"}}, "secrets.A", "the ARN of a secret"),
    ],
)
def test_args_beyond_aws_limits_are_refused_with_path_and_fix(
    changes: dict[str, Any], path: str, words: str
):
    assert words in refused(**changes)[path]


def test_access_is_a_required_arg():
    given = {key: value for key, value in vars(args()).items() if key != "access"}
    with pytest.raises(TypeError, match="access"):
        EcsFargateArgs(**given)
