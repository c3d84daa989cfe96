"""The failed checks of kube-score on manifests are the decisions in docs/reference/audit.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from delivery.render import render
from tests.harness.containers import ROOT
from tests.harness.graph_queries import STACKS
from tests.harness.stacks import stack

CACHE: Final = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp"))
KUBE_SCORE: Final = CACHE / "kube-score/v1.20.0/kube-score"
PAGE: Final = ROOT / "docs/reference/audit.md"
PASSED: Final = 10

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not KUBE_SCORE.exists(), reason="kube-score is not in the cache: call tools/scanner"
    ),
]


def findings(folder: Path) -> dict[str, set[str]]:
    """The objects that fail each check, by the check's id."""
    files = sorted(map(str, folder.glob("*.yaml")))
    ran = subprocess.run(
        [KUBE_SCORE, "score", "--output-format", "json", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    scored: list[dict[str, Any]] = json.loads(ran.stdout)
    found: dict[str, set[str]] = {}
    for one in scored:
        for check in one["checks"]:
            if not check.get("skipped") and check["grade"] < PASSED:
                found.setdefault(check["check"]["id"], set()).add(one["object_meta"]["name"])
    return found


def decisions() -> dict[str, set[str] | None]:
    """The objects of each documented decision; None: all objects of a kind."""
    below = PAGE.read_text().partition("\n### Decisions on Kubernetes\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| ([a-z-]+) \| ([^|]+) \|", below, flags=re.MULTILINE)
    named = {check: set(re.findall("`([^`]+)`", on)) for check, on in rows[1:]}
    return {check: objects or None for check, objects in named.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, set[str]]]:
    """What kube-score finds in each stack."""
    scored: dict[str, dict[str, set[str]]] = {}
    for name in STACKS:
        folder = tmp_path_factory.mktemp(name)
        render(stack(name), folder)
        scored[name] = findings(folder / "manifests")
    return scored


@pytest.mark.parametrize("name", STACKS)
def test_every_failed_check_of_kube_score_is_a_documented_decision(
    name: str, found: dict[str, dict[str, set[str]]]
):
    decided = decisions()
    for check, objects in found[name].items():
        assert check in decided, objects
        assert objects <= (decided[check] or objects), check


def test_every_documented_decision_is_a_failed_check_of_kube_score(
    found: dict[str, dict[str, set[str]]],
):
    assert decisions().keys() == {check for each in found.values() for check in each}
