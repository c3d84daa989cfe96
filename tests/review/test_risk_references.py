"""Risk: resources that read another Secret than before."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from graph.resource_graph import Resource
from review.risks.classes import RiskClass
from tests.harness.graphs import container, findings, kube, workload


def changed(before: Resource | None, after: Resource | None) -> list[str]:
    return findings(RiskClass.SECRETS, before, after)


def environment(name: str, key: str = "password") -> Resource:
    reference = {"secretKeyRef": {"name": name, "key": key}}
    return workload(container(env=[{"name": "PASSWORD", "valueFrom": reference}]))


def mounted(**volume: Any) -> Resource:
    return workload(pod={"volumes": [{"name": "secrets"} | volume]})


READING: dict[str, Callable[[str], Resource]] = {
    "an environment variable": environment,
    "the whole environment": lambda name: workload(
        container(envFrom=[{"secretRef": {"name": name}}])
    ),
    "a volume": lambda name: mounted(secret={"secretName": name}),
    "a projected volume": lambda name: mounted(projected={"sources": [{"secret": {"name": name}}]}),
    "a pull secret": lambda name: workload(pod={"imagePullSecrets": [{"name": name}]}),
    "an ingress": lambda name: kube(
        "networking/v1:Ingress", "edge", spec={"tls": [{"secretName": name}]}
    ),
    "a gateway": lambda name: kube(
        "gateway.networking.k8s.io/v1:Gateway",
        "edge",
        spec={"listeners": [{"tls": {"certificateRefs": [{"name": name}]}}]},
    ),
}


@pytest.mark.parametrize("read", READING.values(), ids=READING)
def test_reading_another_secret_is_named_with_both(read: Any):
    old, new = changed(read("old"), read("new"))
    assert "no longer reads Secret old" in old
    assert "now reads Secret new" in new


@pytest.mark.parametrize("read", READING.values(), ids=READING)
def test_reading_the_same_secret_is_no_risk(read: Any):
    before = read("same")
    labelled = before.inputs | {"metadata": before.inputs["metadata"] | {"labels": {"new": "yes"}}}
    assert changed(before, replace(before, inputs=labelled)) == []


def test_another_key_of_the_same_secret_is_named():
    assert len(changed(environment("one", "old"), environment("one", "new"))) == 2


def test_a_newly_mounted_secret_key_is_reported():
    items = {"secretName": "tls", "items": [{"key": "tls.crt", "path": "tls.crt"}]}
    _, found = changed(mounted(secret={"secretName": "tls"}), mounted(secret=items))
    assert found.endswith("now reads Secret tls, key tls.crt")


def test_a_new_workload_changes_no_reference():
    assert changed(None, environment("one")) == []


def test_deleting_or_changing_a_secret_or_its_source_is_named():
    def source(key: str) -> Resource:
        return kube("external-secrets.io/v1:ExternalSecret", "server", spec={"key": key})

    assert changed(source("a"), None) == ["deletes ExternalSecret core/server"]
    assert changed(source("a"), source("b")) == ["changes ExternalSecret core/server"]
    assert changed(None, source("a")) == []


def test_a_value_that_stops_being_secret_is_named():
    secret = kube("core/v1:ConfigMap", "config", data={"token": "[secret]"},
                  secrets=("data.token",))  # fmt: skip
    plain = kube("core/v1:ConfigMap", "config", data={"token": "seen"})
    assert changed(secret, plain) == [
        "ConfigMap core/config: data.token is no longer a secret value"
    ]
    assert changed(plain, plain) == []
