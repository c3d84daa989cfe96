"""Before a deployment: does the cluster have each kind, with a real API server?"""

from __future__ import annotations

from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery.kubectl import Kubectl
from delivery.preflight import refuse_absent_kinds
from graph.manifests import manifests
from tests.harness.apiserver import ApiServer
from tests.harness.custom_resource_definition import definition
from tests.harness.stacks import stack


def thing(version: str, kind: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "one"}}


def test_each_kind_that_is_absent_is_refused_with_what_brings_it(kubectl: Kubectl) -> None:
    wanted = [
        *(thing("v1", "Service"), thing("apps/v1", "Deployment")),
        *(thing("monitoring.coreos.com/v9", "PodMonitor") for _ in range(3)),
        thing("example.com/v1", "Widget"),
    ]
    with pytest.raises(ProblemReport) as refused:
        refuse_absent_kinds(kubectl, wanted)
    widget, monitor = refused.value.problems
    assert widget.what == "has no Widget of example.com/v1, and the stack has 1"
    assert widget.fix == "install what defines Widget in the cluster"
    assert monitor.path == f"cluster {kubectl.context}"
    assert monitor.what == "has no PodMonitor of monitoring.coreos.com/v9, and the stack has 3"
    assert monitor.fix.startswith("install the Prometheus Operator in the cluster, or set ")


def test_a_kind_that_the_stack_defines_itself_is_not_absent(kubectl: Kubectl) -> None:
    refuse_absent_kinds(kubectl, [definition("v1"), thing("example.com/v1", "Widget")])
    with pytest.raises(ProblemReport) as refused:
        refuse_absent_kinds(kubectl, [definition("v1"), thing("example.com/v2", "Widget")])
    assert "has no Widget of example.com/v2" in str(refused.value)


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_the_stacks_of_this_repository_pass_where_the_definitions_are(
    kubectl: Kubectl, api_server_with_crds: ApiServer, name: str
) -> None:
    refuse_absent_kinds(kubectl, list(manifests(stack(name)).values()))


def test_a_kind_that_the_group_does_not_have_is_refused(
    kubectl: Kubectl, api_server_with_crds: ApiServer
) -> None:
    with pytest.raises(ProblemReport) as refused:
        refuse_absent_kinds(kubectl, [thing("monitoring.coreos.com/v1", "Dashboard")])
    assert "has no Dashboard of monitoring.coreos.com/v1" in str(refused.value)


def test_a_cluster_that_does_not_answer_is_no_absent_kind(kubectl: Kubectl) -> None:
    away = Kubectl(kubectl.program, "no-such-context", kubectl.kubeconfig)
    with pytest.raises(ProblemReport) as refused:
        refuse_absent_kinds(away, [thing("monitoring.coreos.com/v1", "PodMonitor")])
    assert "has no PodMonitor" not in str(refused.value)
