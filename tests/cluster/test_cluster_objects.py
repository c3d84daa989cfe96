"""The object counts of interruption tests ignore objects of earlier tests."""

from __future__ import annotations

import json

from delivery.kubectl import Kubectl
from tests.harness.apiserver import ApiServer
from tests.harness.cluster_objects import objects, uids
from tests.harness.interruption import until

EARLIER, OWN = "earlier-test", "own-deployment"


def config_map(space: str, name: str, *finalizers: str) -> str:
    metadata = {"name": name, "namespace": space, "finalizers": finalizers}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


def test_objects_of_a_terminating_namespace_are_not_counted(api_server: ApiServer) -> None:
    kubectl = Kubectl(api_server.programs / "kubectl", "node", api_server.kubeconfig)
    kubectl.must("create", "namespace", EARLIER)
    held = config_map(EARLIER, "held", "example.com/held")
    kubectl.must("create", "--filename=-", stdin=held)
    kubectl.must("delete", "namespace", EARLIER, "--wait=false")
    others = uids(kubectl)

    kubectl.must("create", "namespace", OWN)
    kubectl.must("create", "--filename=-", stdin=config_map(OWN, "settings"))
    account = f"ServiceAccount/{OWN}/default"
    until(lambda: account in objects(kubectl, others), 20, lambda: "no account")
    before = objects(kubectl, others)
    assert before[f"ConfigMap/{OWN}/settings"] == 1
    assert not any(EARLIER in name for name in before)

    release = json.dumps({"metadata": {"finalizers": None}})
    kubectl.must("patch", "configmap", "held", f"-n={EARLIER}", f"--patch={release}")
    until(lambda: EARLIER not in names(kubectl), 60, lambda: "it does not end")
    assert objects(kubectl, others) == before
    kubectl.must("delete", "configmap", "settings", f"-n={OWN}")
    assert objects(kubectl, others) != before
    kubectl.must("delete", "namespace", OWN, "--wait=false")


def names(kubectl: Kubectl) -> set[str]:
    return {one["metadata"]["name"] for one in kubectl.objects("namespaces")}
