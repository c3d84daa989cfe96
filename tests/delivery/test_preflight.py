"""The cluster comes from CLUSTER or the configuration; placeholder digests are refused."""

from pathlib import Path

import pulumi
import pytest

from components.base.kubernetes_object import API_VERSIONS, KubernetesObject
from components.base.problems import ProblemReport
from delivery.kubectl import Kubectl
from delivery.preflight import (
    KUBERNETES,
    PROGRAMS,
    refuse_absent_kinds,
    refuse_placeholders,
    request,
)
from graph.recorder import record
from graph.resource_graph import ResourceGraph
from tests.harness.custom_resource_definition import definition

ROOT = Path(__file__).resolve().parents[2]


def running(*images: str) -> ResourceGraph:
    """The graph of a program with a Deployment for each image."""

    def program() -> None:
        for index, image in enumerate(images):
            pod = {"spec": {"containers": [{"name": "server", "image": image}]}}
            KubernetesObject(
                "Deployment",
                f"core-{index}",
                metadata={"name": "core"},
                spec={"template": pod},
                opts=pulumi.ResourceOptions(),
            )

    return record(program)


def test_a_stack_with_a_context_goes_there_and_nowhere_else():
    assert request(ROOT, "prod", None) == "context:qudag-prod"


def test_dev_names_no_context_and_gets_a_cluster_of_our_own():
    assert request(ROOT, "dev", None) is None


def test_the_requested_cluster_precedes_the_configured_one():
    assert request(ROOT, "prod", "node") == "node"


def test_every_placeholder_digest_is_refused_with_the_command_that_finds_the_real_one():
    zeros = "sha256:" + "0" * 64
    with pytest.raises(ProblemReport) as refused:
        refuse_placeholders(running(f"ghcr.io/a/b:1@{zeros}", f"ghcr.io/a/b:1@{zeros}", "c/d:1"))
    (problem,) = refused.value.problems
    assert problem.path == "core-0.spec.template.spec.containers[0].image"
    assert "crane digest ghcr.io/a/b:1" in problem.fix


def test_a_real_digest_passes():
    refuse_placeholders(running("ghcr.io/a/b:1@sha256:" + "0" * 63 + "1"))


def test_every_group_of_the_components_is_kubernetes_own_or_has_a_program():
    groups = {version.split("/")[0] for version in API_VERSIONS.values()} - {"core"}
    assert groups <= KUBERNETES | PROGRAMS.keys()
    assert not KUBERNETES & PROGRAMS.keys()


def test_a_cluster_is_not_asked_for_kinds_that_the_stack_defines_itself(tmp_path: Path):
    """An absent program in place of kubectl: a question to the cluster would fail."""
    kubectl = Kubectl(tmp_path / "kubectl", "prod")
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}}
    refuse_absent_kinds(kubectl, [widget, definition("v1")])
    for other in (definition("v2"), definition("v1", served=False)):
        with pytest.raises((ProblemReport, OSError)):
            refuse_absent_kinds(kubectl, [widget, other])
