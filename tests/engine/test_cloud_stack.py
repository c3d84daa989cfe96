"""Prod's three clouds deployed by the real engine, with stand-ins for the clouds' plugins.

The engine, the language host and the program are real, and so are the archives; what AWS, Google
Cloud and Azure would say is predicted. It shows that the engine takes the program, not that the
clouds do.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from components.base.problems import ProblemReport
from delivery.kubectl import Kubectl
from delivery.progress import Progress
from delivery.pulumi_stack import Deployment
from tests.harness.cloud_stand_in import install
from tests.harness.containers import ROOT

PULUMI = shutil.which("pulumi")
pytestmark = pytest.mark.skipif(
    PULUMI is None or shutil.which("pulumi-language-python") is None,
    reason="no pulumi with its Python host on PATH: https://www.pulumi.com/docs/install/",
)
PARTS = ("__main__.py", "components", "stacks", "graph", "archives", "runtime")
PACKAGES = ("aws", "azure-native", "command", "gcp")


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    root, state, home = (tmp_path / name for name in ("program", "state", "home"))
    for folder in (root, state, home):
        folder.mkdir()
    for part in PARTS:
        copying: Any = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copying(ROOT / part, root / part)
    (ROOT / "out").mkdir(exist_ok=True)
    (root / "out").symlink_to(ROOT / "out")  # archives that are there are not made again
    settings = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    settings["runtime"] = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
    stack = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    stack["config"]["qudag-mcp:kubernetes"]["enabled"] = False
    pushed = yaml.safe_dump(stack).replace("0" * 64, "1" * 64)
    (root / "Pulumi.prod.yaml").write_text(pushed)
    for package in PACKAGES:
        install(package, version(f"pulumi-{package}"), home, ROOT)
    monkeypatch.setenv("PULUMI_HOME", str(home))
    monkeypatch.setenv("PULUMI_BACKEND_URL", state.as_uri())
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    made = ["stack", "init", "prod", "--non-interactive"]
    subprocess.run([PULUMI or "pulumi", *made], cwd=root, check=True, capture_output=True)
    return Deployment(Path(PULUMI or ""), root, "prod", state, Kubectl(Path("kubectl"), "none"))


def test_up_makes_everything_once_and_a_comment_changes_the_functions_alone(
    deployment: Deployment,
) -> None:
    progress = Progress(Console(file=io.StringIO()))
    first = deployment.up({}, progress)
    assert first.keys() == {"created"}
    assert first["created"] > 80
    targets = deployment.outputs()["targets"]
    assert {target["mcp_url"][:8] for target in targets.values()} == {"https://"}
    assert deployment.up({}, progress) == {"unchanged": first["created"]}
    source = deployment.root / "runtime" / "tools.py"
    source.write_text(source.read_text() + "# the same tools, with a remark\n")
    # An archive and a function on AWS and on Google Cloud, and what publishes Azure's.
    assert deployment.up({}, progress) == {"updated": 5, "unchanged": first["created"] - 5}


def test_a_missing_plugin_is_reported_before_archives_are_built(deployment: Deployment) -> None:
    """Building them takes half a minute."""
    (deployment.root / "out").unlink()
    home = Path(deployment.environment.get("PULUMI_HOME") or os.environ["PULUMI_HOME"])
    for plugin in home.glob("plugins/resource-aws-*"):
        shutil.rmtree(plugin)
    with pytest.raises(ProblemReport) as failed:
        deployment.up({}, Progress(Console(file=io.StringIO())))
    assert "aws" in str(failed.value)
    assert not [*(deployment.root / "out").rglob("*.zip")]
