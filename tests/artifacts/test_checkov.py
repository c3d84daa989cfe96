"""The failed checks of checkov on AWS resources are the decisions in docs/reference/audit.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from components.aws.database import RdsDataTier
from components.aws.database_args import RdsDataTierArgs
from tests.harness import ResourceGraph
from tests.harness.clouds import AWS, AWS_NETWORK, on_aws
from tests.harness.containers import ROOT
from tests.harness.prod import WEB_ACL, prod
from tests.harness.terraform import TYPES, module

CACHE: Final = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
CHECKOV: Final = CACHE / "scanner/env/bin/checkov"
PAGE: Final = ROOT / "docs/reference/audit.md"
SHORT: Final[dict[str, Any]] = {"era": "dual", "longestToolSeconds": 20}
KEY: Final = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0000-4000-8000-0123456789ab"
WITHOUT_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "clouds": {"aws": {"kmsKey": None, "network": {"egress": None}}},
    "serverless": {
        "aws": {"vpc": False, "tracing": False, "accessLogDays": None, "logRetentionDays": 30}
    },
    "containers": {"aws": {"accessLogDays": None, "logRetentionDays": 30, "httpRedirect": True}},
}
needs_checkov = pytest.mark.skipif(
    not CHECKOV.exists(), reason="checkov is not in the cache: call tools/scanner"
)

Finding = tuple[str, str]
"""A check's id and the logical name of the resource that fails it."""


def in_clouds(**sections: Any) -> ResourceGraph:
    return prod(kubernetes={"enabled": False}, **sections)


def with_sessions() -> ResourceGraph:
    """Short calls through API Gateway, with WebSockets and sessions."""
    function = {"aws": {"front": "http-api", "websocket": True}}
    return in_clouds(protocol=SHORT, serverless=function)


def data() -> ResourceGraph:
    args = RdsDataTierArgs(
        location=AWS, network=AWS_NETWORK, kms_key=KEY, protect=True, log_retention_days=365
    )
    return on_aws(lambda opts: RdsDataTier("data", args, opts))


def failed(graph: ResourceGraph, folder: Path) -> set[Finding]:
    """The failed checks; checkov runs offline."""
    (folder / "main.tf").write_text(module(graph))
    command = [CHECKOV, "-d", folder, "--framework", "terraform", "-o", "json"]
    run = subprocess.run(
        [*command, "--compact", "--skip-download", "--soft-fail"],
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(run.stdout)
    assert report["summary"]["parsing_errors"] == 0
    ours = [each for each in graph.resources if each.type.startswith("aws:")]
    assert report["summary"]["resource_count"] == len(ours)
    return {
        (each["check_id"], each["resource"].partition(".")[2].replace("_", "-"))
        for each in report["results"]["failed_checks"]
    }


@cache
def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the page."""
    below = PAGE.read_text().partition(f"\n{heading}\n")[2]
    table = re.search(r"\n\|.*?\n\n", below, re.DOTALL)
    assert table
    return [line.strip("| ").split(" | ") for line in table[0].strip().splitlines()[2:]]


def decided() -> set[Finding]:
    return {
        (check, name)
        for checks, names, *_ in rows("### Decisions on AWS")
        for check in checks.split(", ")
        for name in re.findall(r"`([a-z0-9-]+)`", names)
    }


def test_every_type_of_aws_has_a_name_in_terraform():
    for graph in (in_clouds(), with_sessions(), data()):
        assert len(module(graph)) > 1000
    assert len(set(TYPES.values())) == len(TYPES)


@pytest.mark.slow
@needs_checkov
def test_the_checks_that_fail_are_the_documented_decisions(tmp_path: Path):
    found: set[Finding] = set()
    for name, graph in {"prod": in_clouds(), "sessions": with_sessions(), "data": data()}.items():
        folder = tmp_path / name
        folder.mkdir()
        found |= failed(graph, folder)
    assert found == decided()


@pytest.mark.slow
@needs_checkov
def test_each_check_of_a_setting_fails_without_it(tmp_path: Path):
    cheap = failed(in_clouds(protocol=SHORT, **WITHOUT_SETTINGS), tmp_path)
    settings = {check for row in rows("## AWS") for check in row[1].split(", ")}
    assert len(settings) > 8
    assert settings <= {check for check, _ in cheap}


@pytest.mark.slow
@needs_checkov
def test_a_web_acl_satisfies_its_check(tmp_path: Path):
    found = failed(in_clouds(containers={"aws": {"webAcl": WEB_ACL}}), tmp_path)
    assert not {check for check, _ in found} & {"CKV2_AWS_28"}
