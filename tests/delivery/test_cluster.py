"""A command uses the named cluster, and never another one by accident."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
import yaml

from components.base.problems import ProblemReport
from delivery import cluster
from delivery.kubectl import Kubectl
from delivery.process import run
from delivery.pulumi_stack import kubeconfig

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None,
    reason="kubectl is missing: https://kubernetes.io/docs/tasks/tools/",
)


def written(folder: Path, *, port: int, current: str = "production") -> Path:
    """A kubeconfig with two contexts, both at a port of this machine."""
    server = {"server": f"http://127.0.0.1:{port}"}
    names = ("production", "my-cluster")
    file = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in names],
        "current-context": current,
    }
    file.write_text(yaml.safe_dump(document))
    return file


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        file = written(tmp_path, port=closed.getsockname()[1])
        monkeypatch.setenv("KUBECONFIG", str(file))
    return file


@pytest.mark.parametrize("request_", ["production", "context:", "kind:x", "nodes", "context"])
def test_a_request_of_no_known_form_is_refused(request_: str) -> None:
    with pytest.raises(ProblemReport) as report:
        cluster.parse_request(request_)
    assert "CLUSTER=context:NAME" in report.value.problems[0].fix


@pytest.mark.parametrize(
    ("request_", "expected"),
    [("context:a:b", ("context", "a:b")), ("kind", ("kind", "")), ("node", ("node", ""))],
)
def test_a_request_names_its_cluster(request_: str, expected: tuple[str, str]) -> None:
    assert cluster.parse_request(request_)[:2] == expected


def test_without_a_request_no_context_of_the_users_is_taken(config: Path) -> None:
    del config
    refusal = ""
    try:
        kind, name, _ = cluster.parse_request(None)
    except ProblemReport as report:  # a machine that can run neither kind nor the node
        kind, name, refusal = "", "", str(report)
    assert (kind in {"kind", "node"}) != ("CLUSTER=context:NAME" in refusal)
    assert name == ""


@needs_kubectl
def test_an_unknown_context_names_its_nearest_and_all_there_are(config: Path) -> None:
    with pytest.raises(ProblemReport) as report:
        cluster.running("context:my-clutser")
    (problem,) = report.value.problems
    assert problem.fix == "CLUSTER=context:my-cluster"
    assert "production" in problem.what
    assert str(config) in problem.what


@needs_kubectl
def test_a_cluster_that_does_not_answer_is_a_message(config: Path) -> None:
    del config
    found = cluster.running("context:my-cluster")
    assert found is not None
    with pytest.raises(ProblemReport) as report:
        cluster.server_version(found.kubectl)
    (problem,) = report.value.problems
    assert "does not answer" in problem.what
    assert "kubectl --context=my-cluster version" in problem.fix


def test_without_kubectl_the_refusal_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProblemReport) as report:
        cluster.running("context:my-cluster")
    assert "https://kubernetes.io/docs/tasks/tools/" in report.value.problems[0].fix


def test_every_call_says_its_context() -> None:
    argv = Kubectl(Path("kubectl"), "mine").argv("get", "pods")
    assert argv == [Path("kubectl"), "--context=mine", "get", "pods"]


@needs_kubectl
def test_pulumi_gets_the_named_context_as_the_current_one_and_no_copied_credential(
    config: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    joined = kubeconfig(Kubectl(Path("kubectl"), "my-cluster"), state)
    current = run(["kubectl", "config", "current-context"], env={"KUBECONFIG": joined})
    assert current.out.strip() == "my-cluster"
    copies = [file for file in state.iterdir() if "secret-token" in file.read_text()]
    assert copies == []
    assert "secret-token" in config.read_text()
