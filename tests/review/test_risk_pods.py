"""Risk: pods and namespaces that are weaker after a change."""

from typing import Any

import pytest

from graph.resource_graph import Resource
from review.risks.classes import RiskClass
from tests.harness.graphs import container, findings, kube, workload


def loosened(before: Resource | None, after: Resource | None, *others: Resource) -> list[str]:
    return findings(RiskClass.LOOSENS, before, after, *others)


def weakened(**security: Any) -> dict[str, Any]:
    hardened = container()["securityContext"] | security
    return container(
        securityContext={key: value for key, value in hardened.items() if value is not None}
    )


WEAKER = {
    "runs privileged": {"privileged": True},
    "allowPrivilegeEscalation": {"allowPrivilegeEscalation": None},
    "runAsNonRoot": {"runAsNonRoot": False},
    "runAsUser 0": {"runAsUser": 0},
    "readOnlyRootFilesystem": {"readOnlyRootFilesystem": None},
    "seccomp": {"seccompProfile": {"type": "Unconfined"}},
    "drop ALL": {"capabilities": {"drop": ["NET_RAW"]}},
    "capability SYS_ADMIN": {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}},
    "/proc": {"procMount": "Unmasked"},
}


@pytest.mark.parametrize(("words", "security"), WEAKER.items(), ids=WEAKER)
def test_a_weaker_container_is_named(words: str, security: Any):
    (found,) = loosened(workload(), workload(weakened(**security)))
    assert words in found


@pytest.mark.parametrize("security", WEAKER.values(), ids=WEAKER)
def test_a_hardened_container_is_no_risk(security: Any):
    assert loosened(workload(weakened(**security)), workload()) == []


@pytest.mark.parametrize("security", WEAKER.values(), ids=WEAKER)
def test_a_weakness_that_existed_before_is_no_risk(security: Any):
    weak = weakened(**security)
    assert loosened(workload(weak), workload(weak, replicas=2)) == []


@pytest.mark.parametrize(("words", "security"), WEAKER.items(), ids=WEAKER)
def test_a_new_workload_is_measured_against_restricted(words: str, security: Any):
    (found,) = loosened(None, workload(weakened(**security)))
    assert words in found


def test_a_new_hardened_workload_is_no_risk():
    assert loosened(None, workload()) == []


def test_the_pods_setting_counts_where_the_container_has_none():
    own = weakened(runAsNonRoot=None, seccompProfile=None)
    pod = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
    assert loosened(workload(), workload(own, pod=pod)) == []
    assert len(loosened(workload(), workload(own))) == 2


def test_a_second_weak_container_is_named_next_to_a_hardened_one():
    privileged = weakened(privileged=True) | {"name": "debug"}
    (found,) = loosened(workload(), workload(container(), privileged))
    assert found == "Deployment core/core: new container debug runs privileged"


def test_init_containers_are_judged_too():
    (found,) = loosened(workload(), workload(pod={"initContainers": [weakened(privileged=True)]}))
    assert "init server runs privileged" in found


def test_the_pods_of_a_cron_job_are_judged_too():
    def cron(*containers: Any) -> Resource:
        template = workload(*containers).inputs["spec"]["template"]
        job = {"spec": {"template": template}}
        return kube("batch/v1:CronJob", "backup", spec={"jobTemplate": job})

    assert len(loosened(cron(), cron(weakened(privileged=True)))) == 1


NODE = {
    "the node's network": {"hostNetwork": True},
    "the node's processes": {"hostPID": True},
    "the node's IPC": {"hostIPC": True},
    "/etc of the node": {"volumes": [{"name": "etc", "hostPath": {"path": "/etc"}}]},
    "service account token": {"automountServiceAccountToken": True},
}


@pytest.mark.parametrize(("words", "pod"), NODE.items(), ids=NODE)
def test_a_pod_that_reaches_further_is_named(words: str, pod: Any):
    (found,) = loosened(workload(), workload(pod=pod))
    assert words in found
    assert loosened(workload(pod=pod), workload()) == []


def test_a_token_that_the_service_account_keeps_away_is_no_risk():
    account = kube("core/v1:ServiceAccount", "quiet", automountServiceAccountToken=False)
    after = workload(pod={"serviceAccountName": "quiet", "automountServiceAccountToken": None})
    assert loosened(workload(), after, account) == []
    assert len(loosened(workload(), after)) == 1


def space(level: str | None) -> Resource:
    labels = {"pod-security.kubernetes.io/enforce": level} if level else {}
    return kube("core/v1:Namespace", "core", namespace=None, metadata={"labels": labels})


@pytest.mark.parametrize(
    ("old", "new"), [("restricted", "baseline"), ("baseline", "privileged"), ("restricted", None)]
)
def test_a_lower_pod_security_standard_is_named(old: str, new: str | None):
    (found,) = loosened(space(old), space(new))
    assert found.endswith(f"{new or 'privileged'}, below {old}")
    assert loosened(space(new), space(old)) == []


def test_a_new_namespace_below_restricted_is_named():
    assert len(loosened(None, space("baseline"))) == 1
    assert loosened(None, space("restricted")) == []
