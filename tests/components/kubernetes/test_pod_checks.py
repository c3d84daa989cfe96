"""Containers that cannot be one pod, bounds that cannot hold, and Services that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.container import (
    Claim,
    Container,
    Files,
    Port,
    Probe,
    Probes,
    SecretFiles,
)
from components.kubernetes.job import (
    Job,
    JobArgs,
    _job,  # pyright: ignore[reportPrivateUsage]  (only here is the account an argument)
)
from components.kubernetes.namespace import ContainerLimits, LockedNamespace, LockedNamespaceArgs
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.resources import Resources
from components.kubernetes.workload import Exposure, Workload, WorkloadArgs, WorkloadKind
from tests.harness import record
from tests.harness.minimal_args import container, workload


def ports(*numbers: tuple[str, int, int | None]) -> list[Port]:
    return [Port(name=name, number=number, service=offered) for name, number, offered in numbers]


def files(name: str, path: str, text: str) -> Files:
    return Files(name=name, path=path, content={"a": text})


def secret(path: str, *keys: str) -> SecretFiles:
    return SecretFiles(secret="keys", path=path, keys=keys)


DATA = [Claim(name="data", path=path, size="1Gi") for path in ("/a", "/b")]
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("ports are called 'a'", {"ports": ports(("a", 8080, 80), ("a", 8081, None))}),
    ("ports have the number 8080", {"ports": ports(("a", 8080, 80), ("b", 8080, None))}),
    ("ports have the service number 80", {"ports": ports(("a", 8080, 80), ("b", 8081, 80))}),
    ("claims are called 'data'", {"claims": DATA}),
    ("mounted at '/x'", {"files": [files("f", "/x", "1"), files("g", "/x", "1")]}),
    ("files[0].name", {"files": [files("f", "/x", "1"), files("f", "/y", "2")]}),
    ("mounted at '/tmp'", {"writable": ["/tmp"]}),
    ("mounted at '/a'", {"writable": ["/a", "/a"]}),
    ("volumes would be called 'server-a-b'", {"writable": ["/a/b", "/a-b"]}),
    ("secrets[0].keys", {"secrets": [secret("/etc/keys")]}),
    ("resources.cpu", {"resources": Resources(cpu="2", cpu_limit="1500m")}),
    ("resources.memory", {"resources": Resources(memory="1Gi", memory_limit="1000Mi")}),
    ("resources.ephemeral_storage", {"resources": Resources(ephemeral_storage="2Gi")}),
    (
        "ephemeral_storage_limit: is 256Mi",
        {"writable": ["/data"], "resources": Resources(ephemeral_storage_limit="256Mi")},
    ),
    ("probes.readiness", {"probes": Probes(readiness=Probe(path="/health"))}),
    ("probes.liveness", {"probes": Probes(readiness=Probe(port=8080), liveness=Probe())}),
    ("env.POD_NAME", {"env": {"POD_NAME": "a"}}),
    ("secret_env.POD_NAME", {"secret_env": {"POD_NAME": SecretKey(secret="a", key="b")}}),
    ("are all sidecars", {"sidecar": True}),
    ("pre_stop", {"pre_stop": 31}),
]


@pytest.mark.parametrize(("said", "changes"), WRONG, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("kind", ["workload", "job"])
def test_a_container_that_kubernetes_refuses_is_refused(
    kind: str, said: str, changes: dict[str, Any]
):
    containers = [container(**changes)]

    def program() -> None:
        if kind == "job":
            Job("node", JobArgs(namespace="ns", component="job", containers=containers))
        else:
            args = workload(*containers, kind=WorkloadKind.STATEFUL_SET, grace=30)
            Workload("node", args)

    with pytest.raises(ProblemReport) as report:
        record(program)
    assert said in str(report.value)


@pytest.mark.parametrize(
    "containers", [[], [container(), container(ports=[])], [container(), container(name="b")]]
)
def test_containers_that_cannot_share_a_pod_are_refused(containers: list[Container]):
    args = WorkloadArgs(namespace="ns", component="core", containers=containers)
    with pytest.raises(ProblemReport, match=r"node\.containers: "):
        record(lambda: Workload("node", args))


@pytest.mark.parametrize(
    "exposure", [Exposure(name="9a"), Exposure(type="LoadBalancer", headless=True)]
)
def test_a_service_that_kubernetes_refuses_is_refused(exposure: Exposure):
    with pytest.raises(ProblemReport, match=r"node\.exposure\.(name|headless)"):
        record(lambda: Workload("node", workload(exposure=exposure)))


@pytest.mark.parametrize("name", ["a" * 53, "9a"])
def test_a_physical_name_without_room_for_suffixes_is_refused(name: str):
    with pytest.raises(ProblemReport, match=r"node\.name"):
        record(lambda: Workload("node", workload(name=name)))
    with pytest.raises(ProblemReport, match="Workload"):
        record(lambda: Workload(name, workload()))


def test_the_longest_names_fit_in_63_characters():
    args = workload(exposure=Exposure(), kind=WorkloadKind.STATEFUL_SET)
    names = [
        r.inputs["metadata"]["name"]
        for r in record(lambda: Workload("a" * 52, args)).resources
        if r.custom
    ]
    assert names
    assert max(map(len, names)) <= 63


@pytest.mark.parametrize(
    "bounds",
    [
        {"min": {"cpu": "2"}, "max": {"cpu": "1"}},
        {"default": {"memory": "5Gi"}},
        {"default_request": {"cpu": "1m"}},
        {"default_request": {"cpu": "1"}, "default": {"cpu": "999m"}},
    ],
)
def test_bounds_of_a_limit_range_in_the_wrong_order_are_refused(bounds: dict[str, Any]):
    args = LockedNamespaceArgs(name="ns", container_limits=ContainerLimits(**bounds))
    with pytest.raises(ProblemReport, match=r"node\.container_limits\."):
        record(lambda: LockedNamespace("node", args))


def test_the_name_of_a_job_does_not_depend_on_its_service_account():
    # An engine knows the account once it is made: the name would change between preview and up.
    args = JobArgs(namespace="ns", component="job", containers=[container()])
    names = {
        _job("node", args, service_account=account, role="").metadata["name"]
        for account in ("first", "second")
    }
    assert len(names) == 1
