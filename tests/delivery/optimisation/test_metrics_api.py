"""The API server's metrics are read for the pods of each workload, through kubectl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery.kubectl import Kubectl
from delivery.optimisation.metrics_api import is_pod_of, sampled
from delivery.optimisation.workload_sizes import SizedWorkload

MEBI = 1024**2


@pytest.mark.parametrize(
    ("pod", "workload", "is_its"),
    [
        ("mcp-core-7c9d8b6f5-x4v7z", "mcp-core", True),
        ("redis-0", "redis", True),
        ("mcp-core-7c9d8b6f5-x4v7z", "mcp", False),
        ("mcp-core-extra-7c9d8b6f5-x4v7z", "mcp-core", False),
        ("mcp-core", "mcp-core", False),
        ("mcp-core-backup-28987620-x4v7z", "mcp-core", False),
    ],
)
def test_a_pod_belongs_to_the_workload_that_it_is_named_after(
    pod: str, workload: str, *, is_its: bool
):
    assert is_pod_of(pod, workload) is is_its


def pod(name: str, **containers: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "mcp"},
        "containers": [
            {"name": one.replace("_", "-"), "usage": {"cpu": cpu, "memory": memory}}
            for one, (cpu, memory) in containers.items()
        ],
    }


def kubectl(tmp_path: Path, script: str) -> Kubectl:
    """A program that answers in place of kubectl, and writes down how it was called."""
    program = tmp_path / "kubectl"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n{script}\n')
    program.chmod(0o755)
    return Kubectl(program, "test")


def core() -> SizedWorkload:
    return SizedWorkload(
        name="mcp-core",
        namespace="mcp",
        container="mcp-core",
        path=("scaling", "mcp-core"),
        pods_path=("scaling", "mcp-core"),
        now={"cpu": "1", "memory": "1Gi", "cpu_limit": "1", "memory_limit": "1Gi"},
        pods=2,
        floor={"cpu": "10m", "memory": "16Mi"},
    )


@pytest.mark.slow
def test_the_busiest_pod_and_all_together_are_sampled(tmp_path: Path):
    items = [
        pod("mcp-core-7c9d8b6f5-x4v7z", mcp_core=("200m", "100Mi"), tls=("900m", "900Mi")),
        pod("mcp-core-7c9d8b6f5-b9kq2", mcp_core=("50000000n", "131072Ki")),
        pod("other-7c9d8b6f5-b9kq2", mcp_core=("1", "1Gi")),
    ]
    (tmp_path / "answer").write_text(json.dumps({"items": items}))
    waits: list[float] = []
    notes: list[str] = []
    asked = kubectl(tmp_path, f"cat {tmp_path}/answer")
    found = sampled(asked, [core()], 45, notes.append, waits.append)
    usage = found["mcp-core"]
    assert [value for _, value in usage.cpu] == [0.2] * 3
    assert [value for _, value in usage.cpu_of_all] == pytest.approx([0.25] * 3)
    assert [value for _, value in usage.memory] == [128 * MEBI] * 3
    assert [value for _, value in usage.pods] == [2] * 3
    assert usage.hours == 45 / 3600
    assert waits == [15.0, 15.0]
    assert notes[-1] == "3 of 3 samples"
    assert "/apis/metrics.k8s.io/v1beta1/namespaces/mcp/pods" in (tmp_path / "calls").read_text()


@pytest.mark.slow
def test_a_cluster_without_the_api_says_what_to_do(tmp_path: Path):
    missing = kubectl(tmp_path, "echo 'the server could not find the resource' >&2; exit 1")
    with pytest.raises(ProblemReport, match="install metrics-server"):
        sampled(missing, [core()], 15, lambda note: None)
