"""A stack stays with the engine and the cluster that it was deployed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery.cluster import Cluster
from delivery.engine import Engine
from delivery.kubectl import Kubectl
from delivery.outputs import DeploymentRecord
from delivery.stack_identity import ROOT, StackIdentity
from delivery.up import record_deployment

PULUMI = Engine(Path("pulumi"), "")
KUBECTL = Engine(None, "")
DEV = StackIdentity.of(ROOT, "dev")


def cluster(context: str) -> Cluster:
    return Cluster("context", Kubectl(Path("kubectl"), context), "", ours=False)


def test_recording_the_same_deployment_twice_is_accepted(tmp_path: Path) -> None:
    for _ in range(2):
        record_deployment(tmp_path, DEV, KUBECTL, cluster("mine"))
    assert DeploymentRecord.find(tmp_path) == DeploymentRecord("kubectl", "context", "mine")


@pytest.mark.parametrize(
    ("engine", "context", "said"),
    [(PULUMI, "mine", "would be pulumi"), (KUBECTL, "other", "to context:other")],
)
def test_another_engine_or_cluster_is_refused_until_down(
    tmp_path: Path, engine: Engine, context: str, said: str
) -> None:
    record_deployment(tmp_path, DEV, KUBECTL, cluster("mine"))
    with pytest.raises(ProblemReport) as report:
        record_deployment(tmp_path, DEV, engine, cluster(context))
    (problem,) = report.value.problems
    assert said in problem.what
    assert problem.fix.startswith("make down STACK=dev")
    assert DeploymentRecord.find(tmp_path) == DeploymentRecord("kubectl", "context", "mine")


def test_where_an_up_that_was_cut_off_went_is_known(tmp_path: Path) -> None:
    record_deployment(tmp_path, DEV, PULUMI, cluster("mine"))
    begun = DeploymentRecord.find(tmp_path)
    assert begun is not None
    assert (begun.engine, begun.request) == ("pulumi", "context:mine")
