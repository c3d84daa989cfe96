"""In a cluster of the user, `down` deletes only the stack's objects."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from delivery import applyset
from delivery.down import down, is_deployed
from delivery.kubectl import Kubectl
from delivery.outputs import DeploymentRecord
from delivery.progress import Progress
from delivery.server_side_apply import apply
from delivery.stack_identity import ROOT, StackIdentity
from delivery.state_folders import state_folder

DEV = StackIdentity.of(ROOT, "dev")
SPACE = "qudag-mcp-dev"


@pytest.fixture
def deployed(
    kubectl: Kubectl, progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Stack dev as an up to a context would leave it, in two objects; its state folder."""
    monkeypatch.setenv("QUDAG_MCP_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("KUBECONFIG", str(kubectl.kubeconfig))
    monkeypatch.setenv("PATH", f"{kubectl.program.parent}{os.pathsep}{os.environ['PATH']}")
    wanted: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "config", "namespace": SPACE},
        },
    ]
    made = applyset.prepare(kubectl, "dev", wanted)
    apply(kubectl, "dev", wanted, progress, made=made)
    state = state_folder("dev")
    DeploymentRecord("kubectl", "context", kubectl.context).write(state)
    return state


def test_down_uses_the_cluster_of_up_and_deletes_its_record(
    deployed: Path, kubectl: Kubectl, progress: Progress
) -> None:
    kubectl.must("create", "namespace", "unrelated")
    said = down(DEV, None, progress)
    assert said == f"2 objects and 0 local secrets are deleted in context {kubectl.context}"
    assert kubectl.objects(f"namespace/{SPACE}") == []
    assert len(kubectl.objects("namespace/unrelated")) == 1
    assert DeploymentRecord.find(deployed) is None
    kubectl.must("delete", "namespace", "unrelated")


@pytest.mark.usefixtures("deployed")
def test_a_second_down_finds_nothing(kubectl: Kubectl, progress: Progress) -> None:
    where = f"context:{kubectl.context}"
    down(DEV, where, progress)
    assert down(DEV, where, progress) == f"nothing is up in context {kubectl.context}"


@pytest.mark.usefixtures("deployed")
def test_a_record_of_a_cluster_that_was_made_anew_counts_for_nothing(kubectl: Kubectl) -> None:
    record = DeploymentRecord("kubectl", "node", "node")
    assert is_deployed("dev", record, kubectl)
    assert not is_deployed("never-deployed-here", record, kubectl)
    pulumi = DeploymentRecord("pulumi", "node", "node")
    assert is_deployed("never-deployed-here", pulumi, kubectl)
