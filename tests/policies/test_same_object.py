"""Preview, render and up refuse two resources that are the same Kubernetes object."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.base.problems import ProblemReport
from components.kubernetes.gateway import Gateway
from components.kubernetes.workload import Exposure
from delivery.cli import app
from policies.checked_program import refuse_broken
from tests.harness import record
from tests.harness.checkouts import Checkout
from tests.harness.minimal_args import gateway

TWINS = """
import pulumi_kubernetes as k8s
for name in ("one", "two"):
    k8s.core.v1.ConfigMap(name, metadata={"name": "same", "namespace": "core"})
"""


@pytest.mark.parametrize("verb", ["preview", pytest.param("render", marks=pytest.mark.slow)])
def test_preview_and_render_refuse_the_same(tmp_path: Path, verb: str):
    program = Checkout(tmp_path / "program")
    program.write("__main__.py", TWINS)
    options = ["--out", str(tmp_path / "out")] if verb == "render" else []
    result = CliRunner().invoke(app, [verb, "--cwd", str(program.root), *options])
    assert result.exit_code == 1
    assert "ConfigMap::two: it is the same object as" in result.output
    assert "ConfigMap core same" in result.output


def test_two_gateways_whose_services_have_one_name_are_refused():
    exposure = Exposure(name="mcp-gateway-service")
    both = record(lambda: [Gateway(name, gateway(exposure=exposure)) for name in ("in", "out")])
    with pytest.raises(ProblemReport, match="Service qudag-mcp-dev mcp-gateway-service"):
        refuse_broken(both)


def test_two_gateways_in_one_namespace_are_accepted():
    refuse_broken(record(lambda: [Gateway(name, gateway()) for name in ("in", "out")]))
