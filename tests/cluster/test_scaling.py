"""Autoscalers of every kind are admitted by a real API server with their CRDs."""

from __future__ import annotations

import pytest

from components.kubernetes.keda import SERIES, Prometheus
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.scaling import Autoscaling
from components.kubernetes.vertical_scaling import (
    ContainerBounds,
    CpuBounds,
    MemoryBounds,
    VerticalScaling,
)
from components.kubernetes.workload import Workload
from tests.harness.apiserver import ApiServer, documents
from tests.harness.minimal_args import container, workload

NAMESPACE = "scaled"
CPU = CpuBounds(min="100m", max="400m")
MEMORY = MemoryBounds(min="128Mi", max="512Mi")


def program() -> None:
    LockedNamespace("scaled", LockedNamespaceArgs(name=NAMESPACE))
    tls = container(name="tls", ports=[])
    for mode in ("Off", "Initial", "Recreate", "InPlaceOrRecreate"):
        vertical = VerticalScaling(
            mode=mode,
            cpu=CPU,
            memory=MEMORY,
            containers={"tls": ContainerBounds(memory=MEMORY)},
            controlled_values="RequestsAndLimits",
        )
        pods = workload(container(), tls, namespace=NAMESPACE, vertical=vertical)
        Workload(f"resized-{mode.lower()}", pods)
    single = VerticalScaling(mode="Recreate", memory=MEMORY, evict_single_pod=True)
    by_cpu = Autoscaling(min=1, max=3, memory=None)
    inside = Prometheus(address="http://prometheus.monitoring.svc:9090")
    token = SecretKey(secret="prometheus", key="token")
    outside = Prometheus(address="https://prometheus.example.com", token=token, ca=token)
    for name, asked in (("inside", inside), ("outside", outside)):
        scaling = Autoscaling(min=2, max=4, metrics=dict.fromkeys(SERIES, 5), prometheus=asked)
        pods = workload(namespace=NAMESPACE, scaling=scaling, metrics_port=9090)
        Workload(f"followed-{name}", pods)
    Workload("both", workload(namespace=NAMESPACE, scaling=by_cpu, vertical=single))


@pytest.fixture(scope="module")
def applied(api_server_with_crds: ApiServer) -> ApiServer:
    first = api_server_with_crds.apply(documents(program))
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    return api_server_with_crds


def test_a_second_apply_changes_nothing(applied: ApiServer):
    assert applied.differences(documents(program)) == ""
