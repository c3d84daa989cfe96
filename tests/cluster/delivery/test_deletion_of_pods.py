"""`down` kills pods only in clusters that `up` created; in others they finish their calls."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery import applyset
from delivery.down import down
from delivery.kubectl import Kubectl
from delivery.progress import Progress
from tests.cluster.delivery.test_down import DEV, SPACE, deployed
from tests.cluster.delivery.test_server_side_apply import Stack, config
from tests.harness.server import until

GRACE = 3600

__all__ = ["deployed"]


def start_pod(kubectl: Kubectl, space: str) -> None:
    """Create a pod on a node whose kubelet never ends it, as if it took very long to stop."""
    security: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "busy", "namespace": space},
        "spec": {
            "nodeName": "absent",
            "terminationGracePeriodSeconds": GRACE,
            "containers": [
                {"name": "c", "image": "registry.k8s.io/pause:3.10", "securityContext": security}
            ],
        },
    }

    def created() -> bool:
        try:
            kubectl.must("create", "--filename=-", stdin=json.dumps(pod))
        except ProblemReport as report:
            if "serviceaccount" not in str(report):  # a controller creates it
                raise
            return False
        return True

    until(created, within_seconds=20)


@pytest.fixture
def stack(kubectl: Kubectl, progress: Progress) -> Stack:
    stack = Stack(kubectl, progress)
    stack.up(config(stack.first, "a"))
    start_pod(kubectl, stack.first)
    return stack


def test_pods_of_a_cluster_of_our_own_are_killed(stack: Stack) -> None:
    assert applyset.delete(stack.kubectl, stack.name, stack.progress, at_once=True) == 3
    assert stack.kubectl.objects(f"namespace/{stack.first}") == []


@pytest.mark.usefixtures("deployed")
def test_pods_in_a_cluster_of_the_user_keep_their_grace_period(
    kubectl: Kubectl, progress: Progress
) -> None:
    start_pod(kubectl, SPACE)
    deletion = threading.Thread(target=down, args=(DEV, None, progress))
    deletion.start()
    try:
        (pod,) = until(lambda: being_deleted(kubectl), within_seconds=30)
        assert pod["metadata"]["deletionGracePeriodSeconds"] == GRACE
    finally:
        where = f"--namespace={SPACE}"
        kubectl.must("delete", "pod", "busy", where, "--grace-period=0", "--force")
        deletion.join(120)
    assert kubectl.objects(f"namespace/{SPACE}") == []


def being_deleted(kubectl: Kubectl) -> list[dict[str, Any]]:
    pods = kubectl.objects("pods", f"--namespace={SPACE}")
    return [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]
