"""`up` assembles the images while the local node is built and started."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from components.base.problems import ProblemReport
from delivery import local_node
from delivery.outputs import DeploymentRecord
from delivery.progress import Progress
from delivery.stack_identity import ROOT, StackIdentity
from delivery.state_folders import state_folder
from delivery.up import up

BUILT = "the programs are built"
NODE = f"""#!/bin/sh
# A build that takes as long as the first image needs to be started.
for _ in $(seq 300); do
  [ -e "$0.image" ] && break
  sleep 0.1
done
[ -e "$0.image" ] && echo "node: {BUILT}${{NODE_SEPARATOR}}it ends${{NODE_SEPARATOR}}-" >&2
exit 1
"""
IMAGE = """#!/bin/sh
touch "$(dirname "$0")/up.image"
exec sleep 600
"""
ENVIRONMENT = """#!/bin/sh
echo "export KUBECONFIG=$(dirname "$0")/kubeconfig PATH=$(dirname "$0")/bin:/bin"
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local node whose build ends when an image is being assembled."""
    scripts = {"up": NODE, "image": IMAGE, "env": ENVIRONMENT}
    for name, script in (scripts | {"layers.py": "", "application_layers.py": ""}).items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(local_node, "FOLDER", tmp_path)
    monkeypatch.setattr(local_node, "obstacles", list)
    monkeypatch.setenv("QUDAG_MCP_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path


def running(script: Path) -> list[str]:
    """The processes that run the script."""
    found: list[str] = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(script).encode() in line.read_bytes().split(b"\0"):
                found.append(line.parent.name)
        except OSError:
            continue  # it has ended
    return found


@pytest.mark.skipif(os.name != "posix", reason="the local node needs Linux")
def test_the_first_image_is_started_before_the_node_is_built(node: Path) -> None:
    DeploymentRecord("kubectl", "node", "node").write(state_folder("dev"))
    progress = Progress(Console(file=io.StringIO()))
    with pytest.raises(ProblemReport, match=BUILT):
        up(StackIdentity.of(ROOT, "dev"), "node", progress)
    assert running(node / "image") == []
