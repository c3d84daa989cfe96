"""The cluster of a stack is the one of the command, else the one it was deployed to."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery import local_node
from delivery.outputs import DeploymentRecord
from delivery.stack_cluster import cluster_of
from delivery.stack_identity import StackIdentity
from delivery.state_folders import state_folder
from graph.programs import ROOT

DEV = StackIdentity.of(ROOT, "dev")


@pytest.fixture(autouse=True)
def nothing_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUDAG_MCP_STATE", str(tmp_path))


def refusal(request: str | None = None) -> str:
    with pytest.raises(ProblemReport) as refused:
        cluster_of(DEV, request, consequence="there is nothing to look at")
    return str(refused.value)


def test_without_a_record_the_user_is_asked_for_the_cluster():
    said = refusal()
    assert "stack dev: no cluster is known in which it runs" in said
    assert "so:  there is nothing to look at" in said
    assert "make up STACK=dev, or name the cluster with --cluster" in said


def test_a_local_node_that_does_not_run_is_not_started(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local_node, "running", lambda: None)
    DeploymentRecord("kubectl", "node", "node").write(state_folder("dev"))
    assert "its cluster, node, does not run" in refusal()


def test_the_cluster_of_the_command_comes_before_the_recorded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    contexts = [{"name": "mine", "context": {"cluster": "mine", "user": "me"}}]
    known = tmp_path / "kubeconfig"
    known.write_text(f"apiVersion: v1\nkind: Config\ncontexts: {contexts}\n".replace("'", '"'))
    monkeypatch.setenv("KUBECONFIG", str(known))
    monkeypatch.setattr(local_node, "running", lambda: None)
    DeploymentRecord("kubectl", "node", "node").write(state_folder("dev"))
    found = cluster_of(DEV, "context:mine", consequence="nothing")
    assert found.context == "mine"
