"""Server-side apply with an ApplySet, against a real API server."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from components.base.problems import ProblemReport
from delivery import applyset
from delivery.diagnosis.comparison import compare, differing
from delivery.diagnosis.evidence import Evidence
from delivery.kubectl import Kubectl
from delivery.process import Outcome
from delivery.progress import Progress
from delivery.server_side_apply import Applied, Change, apply


def namespace(name: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def config(space: str, name: str, value: str = "1") -> dict[str, Any]:
    metadata = {"name": name, "namespace": space}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}


def job(space: str, argument: str) -> dict[str, Any]:
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10", "args": [argument]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migration", "namespace": space},
        "spec": {"template": template},
    }


def volume(space: str, pod: int, size: str) -> dict[str, Any]:
    """The claim of one pod, as a component makes it."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": f"data-store-{pod}", "namespace": space},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            "storageClassName": "none",
        },
    }


def store(space: str, size: str) -> dict[str, Any]:
    """A StatefulSet with a volume of this size for each pod."""
    template = volume(space, 0, size) | {"metadata": {"name": "data"}}
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10"}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "store", "namespace": space},
        "spec": {
            "serviceName": "store",
            "selector": {"matchLabels": {"app": "store"}},
            "template": {
                "metadata": {"labels": {"app": "store"}},
                "spec": {"containers": [container]},
            },
            "volumeClaimTemplates": [template],
        },
    }


def service(space: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": space},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80}]},
    }


def misspelt(space: str, name: str) -> dict[str, Any]:
    unknown: dict[str, Any] = {"dta": {"key": "1"}}
    return config(space, name) | unknown


def deployment(space: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10"}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    selector = {"matchLabels": {"app": "web"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": space},
        "spec": {"selector": selector, "template": template, **spec},
    }


@dataclass(frozen=True)
class Autoscaled(Kubectl):
    """Scales the Deployment of a namespace just before each apply, as an autoscaler may."""

    namespace: str = ""

    def run(self, *arguments: str, **options: Any) -> Outcome:
        if arguments[0] == "apply":
            where = f"--namespace={self.namespace}"
            (web,) = self.objects("deployment", "web", where)
            more = web["spec"]["replicas"] + 1
            assert super().run("scale", "deployment/web", where, f"--replicas={more}").ok
        return super().run(*arguments, **options)


class Stack:
    """A stack of a name of its own, in two namespaces of its own."""

    def __init__(self, kubectl: Kubectl, progress: Progress) -> None:
        self.kubectl = kubectl
        self.progress = progress
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.first, self.second = f"{self.name}-a", f"{self.name}-b"

    def up(self, *manifests: dict[str, Any]) -> Applied:
        wanted = [namespace(self.first), namespace(self.second), *manifests]
        made = applyset.prepare(self.kubectl, self.name, wanted)
        return apply(self.kubectl, self.name, wanted, self.progress, made=made)

    def value(self, name: str) -> str | None:
        found = self.kubectl.objects("configmap", name, f"-n={self.first}")
        return found[0]["data"]["key"] if found else None


@pytest.fixture
def stack(kubectl: Kubectl, progress: Progress) -> Stack:
    return Stack(kubectl, progress)


def test_the_first_apply_creates_everything_its_namespaces_included(stack: Stack) -> None:
    done = stack.up(config(stack.first, "a"), config(stack.second, "b"))
    assert done.counts() == {"created": 4}


def test_a_second_apply_changes_nothing(stack: Stack) -> None:
    manifests = [config(stack.first, "a"), config(stack.second, "b"), job(stack.first, "1")]
    stack.up(*manifests)
    assert stack.up(*manifests).counts() == {"unchanged": 5}


def test_only_objects_that_differ_are_changed(stack: Stack) -> None:
    stack.up(config(stack.first, "a"), config(stack.first, "b"))
    done = stack.up(config(stack.first, "a", "2"), config(stack.first, "b"))
    assert done.of(Change.CHANGED) == [f"ConfigMap/{stack.first}/a"]
    assert stack.value("a") == "2"


def test_objects_removed_from_a_stack_are_pruned_in_every_namespace(stack: Stack) -> None:
    stack.up(config(stack.first, "a"), config(stack.first, "keep"), config(stack.second, "b"))
    done = stack.up(config(stack.first, "keep"))
    assert set(done.of(Change.PRUNED)) == {
        f"ConfigMap/{stack.first}/a",
        f"ConfigMap/{stack.second}/b",
    }
    assert (stack.value("a"), stack.value("keep")) == (None, "1")


def test_pods_that_an_autoscaler_adds_meanwhile_are_no_change_of_the_stack(stack: Stack) -> None:
    web, name = deployment(stack.first), f"Deployment/{stack.first}/web"
    stack.up(web)
    plain = stack.kubectl
    stack.kubectl = Autoscaled(plain.program, plain.context, plain.kubeconfig, stack.first)
    assert stack.up(web).of(Change.CHANGED) == []
    (found,) = plain.objects("deployment", "web", f"-n={stack.first}")
    assert found["spec"]["replicas"] == 2
    assert stack.up(deployment(stack.first, minReadySeconds=5)).of(Change.CHANGED) == [name]


def test_a_number_of_pods_that_the_stack_states_is_compared(stack: Stack) -> None:
    stack.up(deployment(stack.first, replicas=1))
    done = stack.up(deployment(stack.first, replicas=2))
    assert done.of(Change.CHANGED) == [f"Deployment/{stack.first}/web"]


def test_a_larger_volume_leaves_the_stateful_set_as_it_is(stack: Stack) -> None:
    """The API server refuses to change its templates; the claims are objects that grow."""
    stack.up(store(stack.first, "1Gi"))
    done = stack.up(store(stack.first, "20Gi"))
    assert f"StatefulSet/{stack.first}/store" in done.of(Change.UNCHANGED)
    # Another field is changed as ever.
    bigger = store(stack.first, "20Gi")
    bigger["spec"]["replicas"] = 2
    assert stack.up(bigger).of(Change.CHANGED) == [f"StatefulSet/{stack.first}/store"]


def test_a_claim_that_is_removed_from_the_stack_is_kept_in_the_cluster(stack: Stack) -> None:
    both = [volume(stack.first, pod, "1Gi") for pod in (0, 1)]
    stack.up(*both)
    done = stack.up(both[0])
    assert done.of(Change.PRUNED) == []
    names = [one["metadata"]["name"] for one in stack.kubectl.objects("pvc", f"-n={stack.first}")]
    assert names == ["data-store-0", "data-store-1"]
    assert stack.up(*both).of(Change.CREATED) == []


def test_objects_without_a_stack_or_of_another_stack_are_not_pruned(
    stack: Stack, kubectl: Kubectl, progress: Progress
) -> None:
    other = Stack(kubectl, progress)
    other.up(config(other.first, "theirs"))
    stack.up(config(stack.first, "a"))
    kubectl.must("create", "configmap", "by-hand", f"-n={stack.first}", "--from-literal=key=x")
    stack.up()
    assert stack.value("by-hand") == "x"
    assert other.value("theirs") == "1"


def test_a_job_that_changed_is_replaced(stack: Stack) -> None:
    stack.up(job(stack.first, "1"))
    done = stack.up(job(stack.first, "2"))
    assert done.of(Change.CREATED) == [f"Job/{stack.first}/migration"]
    (found,) = stack.kubectl.objects("job", "migration", f"-n={stack.first}")
    assert found["spec"]["template"]["spec"]["containers"][0]["args"] == ["2"]


def test_a_field_that_another_manager_changed_is_reported_as_a_conflict(stack: Stack) -> None:
    stack.up(config(stack.first, "a"), config(stack.first, "b"))
    patch = '{"data":{"key":"theirs"}}'
    stack.kubectl.must(
        "patch", "configmap", "a", f"-n={stack.first}", f"--patch={patch}", "--field-manager=ops"
    )
    with pytest.raises(ProblemReport) as report:
        stack.up(config(stack.first, "a"), config(stack.first, "b"))
    assert report.value.problems[0].path.endswith(f", ConfigMap/{stack.first}/a")
    assert "another field manager" in report.value.problems[0].what
    assert "ops" in report.value.problems[0].what
    assert stack.value("a") == "theirs"


def test_a_port_that_was_changed_by_hand_is_a_cause_though_the_api_server_refuses_the_old_one(
    stack: Stack,
) -> None:
    """A port is found by its number: a second one with the same name is invalid."""
    wanted = [service(stack.first), config(stack.first, "a")]
    stack.up(*wanted)
    for kind, name, patch in (
        ("service", "web", '[{"op":"replace","path":"/spec/ports/0/port","value":99}]'),
        ("configmap", "a", '[{"op":"replace","path":"/data/key","value":"theirs"}]'),
    ):
        where = (f"-n={stack.first}", "--type=json", f"--patch={patch}")
        stack.kubectl.must("patch", kind, name, *where)
    found = Evidence([stack.first])
    compare(stack.kubectl, wanted, found)
    assert found.unread == {}
    causes = {cause.problem.path: cause.problem for cause in differing(found)}
    assert "Duplicate value" in causes[f"Service/{stack.first}/web"].what
    changed = causes[f"ConfigMap/{stack.first}/a"]
    assert "data.key is theirs, not 1" in changed.what
    assert "kubectl-patch" in changed.fix


def test_a_field_that_does_not_exist_is_refused(stack: Stack) -> None:
    with pytest.raises(ProblemReport) as report:
        stack.up(misspelt(stack.first, "a"))
    assert 'unknown field "dta"' in report.value.problems[0].what


def test_a_namespace_of_another_stack_is_refused_and_left_as_it_is(
    stack: Stack, kubectl: Kubectl, progress: Progress
) -> None:
    stack.up(config(stack.first, "a"))
    other = Stack(kubectl, progress)
    with pytest.raises(ProblemReport) as report:
        applyset.prepare(kubectl, other.name, [namespace(other.first), namespace(stack.first)])
    (problem,) = report.value.problems
    assert stack.first in problem.path
    assert "kubernetes.namespace" in problem.fix
    assert kubectl.objects(f"namespace/{other.first}") == []
    assert stack.up(config(stack.first, "a")).counts() == {"unchanged": 3}


def test_an_interrupted_apply_is_continued_and_prunes_its_leftovers(stack: Stack) -> None:
    applyset.prepare(stack.kubectl, stack.name, [namespace(stack.first), namespace(stack.second)])
    with pytest.raises(ProblemReport):
        stack.up(config(stack.first, "a"), misspelt(stack.first, "b"))
    stack.up(config(stack.first, "b"))
    assert (stack.value("a"), stack.value("b")) == (None, "1")


def test_deleting_a_stack_leaves_nothing_of_it_and_all_of_the_others(
    stack: Stack, kubectl: Kubectl, progress: Progress
) -> None:
    stack.up(config(stack.first, "a"))
    other = Stack(kubectl, progress)
    other.up(config(other.first, "theirs"))
    # A cluster without nodes runs no garbage collection of pods, but namespaces do end.
    assert applyset.delete(kubectl, stack.name, progress) == 3
    assert kubectl.objects(f"namespace/{stack.first}") == []
    assert applyset.members(kubectl, stack.name) == []
    assert other.value("theirs") == "1"
    assert applyset.delete(kubectl, stack.name, progress) == 0


def test_a_deleted_stack_can_be_deployed_again(stack: Stack) -> None:
    stack.up(config(stack.first, "a"))
    applyset.delete(stack.kubectl, stack.name, stack.progress)
    assert stack.up(config(stack.first, "a")).counts() == {"created": 3}
