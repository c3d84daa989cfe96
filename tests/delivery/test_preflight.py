"""The cluster comes from CLUSTER or the configuration; placeholder digests are refused."""

from pathlib import Path
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery.preflight import refuse_placeholders, request

ROOT = Path(__file__).resolve().parents[2]


def deployment(image: str) -> dict[str, Any]:
    pod = {"spec": {"containers": [{"name": "server", "image": image}]}}
    return {"kind": "Deployment", "metadata": {"name": "core"}, "spec": {"template": pod}}


def test_a_stack_with_a_context_goes_there_and_nowhere_else():
    assert request(ROOT, "prod", None) == "context:qudag-prod"


def test_dev_names_no_context_and_gets_a_cluster_of_our_own():
    assert request(ROOT, "dev", None) is None


def test_the_requested_cluster_precedes_the_configured_one():
    assert request(ROOT, "prod", "node") == "node"


def test_every_placeholder_digest_is_refused_with_the_command_that_finds_the_real_one():
    zeros = "sha256:" + "0" * 64
    with pytest.raises(ProblemReport) as refused:
        refuse_placeholders("prod", [deployment(f"ghcr.io/a/b:1@{zeros}"), deployment("c/d:1")])
    (problem,) = refused.value.problems
    assert problem.path == "Pulumi.prod.yaml: qudag-mcp:images"
    assert "crane digest ghcr.io/a/b:1" in problem.fix


def test_a_real_digest_passes():
    refuse_placeholders("prod", [deployment("ghcr.io/a/b:1@sha256:" + "0" * 63 + "1")])
