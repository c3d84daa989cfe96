"""The diagnosis of a workload that is not ready contains pod states, events and logs."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Generator
from typing import Any

import pytest
from rich.console import Console

from components.base.problems import Problem, ProblemReport
from delivery import rollout
from delivery.kubectl import Kubectl
from delivery.progress import Progress
from tests.harness.deployed_platform import Platform


@pytest.fixture
def space(platform: Platform) -> Generator[str]:
    name = f"broken-{uuid.uuid4().hex[:6]}"
    platform.kubectl.must("create", "namespace", name)
    enforce = "pod-security.kubernetes.io/enforce=restricted"
    platform.kubectl.must("label", "namespace", name, enforce)
    yield name
    platform.kubectl.must("delete", "namespace", name, "--wait=false")


@pytest.fixture
def image(platform: Platform) -> str:
    """An image that the cluster has and that holds a shell."""
    (gateway,) = platform.kubectl.objects("deployment", "mcp-server", f"-n={platform.namespace}")
    return gateway["spec"]["template"]["spec"]["containers"][0]["image"]


def deployment(
    space: str, image: str, command: str = "sleep 60", *, secure: bool = True, **container: Any
) -> dict[str, Any]:
    security: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    labels = {"app": "broken"}
    one = {
        "name": "only",
        "image": image,
        "command": ["sh", "-c", command],
        "securityContext": security if secure else {},
        **container,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "broken", "namespace": space},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [one]}},
        },
    }


def explained(kubectl: Kubectl, manifest: dict[str, Any], seconds: float) -> Problem:
    """What is said of a workload that cannot become ready."""
    kubectl.must("create", "--filename=-", stdin=json.dumps(manifest))
    with pytest.raises(ProblemReport) as report:
        rollout.wait(kubectl, [manifest], Progress(Console(file=io.StringIO())), seconds=seconds)
    (problem,) = report.value.problems
    return problem


def test_an_image_that_cannot_be_had_is_named(platform: Platform, space: str) -> None:
    missing = "docker.io/library/there-is-no-such-image:1"
    problem = explained(platform.kubectl, deployment(space, missing), 120)
    assert missing in problem.what
    assert "`images`" in problem.fix


def test_a_program_that_exits_is_reported_with_status_and_last_output(
    platform: Platform, space: str, image: str
) -> None:
    never = {"exec": {"command": ["false"]}}
    manifest = deployment(space, image, "echo my last words; exit 3", readinessProbe=never)
    problem = explained(platform.kubectl, manifest, 20)
    assert "my last words" in problem.what
    assert "ended with 3" in problem.what


def test_a_pod_that_pod_security_refuses_says_which_rule(
    platform: Platform, space: str, image: str
) -> None:
    problem = explained(platform.kubectl, deployment(space, image, secure=False), 60)
    assert "violates PodSecurity" in problem.what
    assert "Pod Security" in problem.fix


def test_a_secret_that_is_not_there_is_named(platform: Platform, space: str, image: str) -> None:
    reference = {"secretKeyRef": {"name": "not-there", "key": "password"}}
    manifest = deployment(space, image, env=[{"name": "PASSWORD", "valueFrom": reference}])
    problem = explained(platform.kubectl, manifest, 60)
    assert 'secret "not-there" not found' in problem.what
    assert "Secret" in problem.fix


def test_a_program_that_never_gets_ready_shows_what_it_says_meanwhile(
    platform: Platform, space: str, image: str
) -> None:
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    manifest = deployment(space, image, "echo still warming up; sleep 60", readinessProbe=probe)
    problem = explained(platform.kubectl, manifest, 15)
    assert "its readiness probe fails" in problem.what
    assert "still warming up" in problem.what
