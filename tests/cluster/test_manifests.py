"""A real API server accepts every rendered manifest of every stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.render import render
from tests.harness.apiserver import ApiServer
from tests.harness.graph_queries import STACKS, Pods, objects, pods
from tests.harness.stacks import stack

APPLY = ("apply", "--server-side", "--validate=strict", "--field-manager=test-manifests")


@dataclass(frozen=True)
class Deployed:
    """A stack whose manifests have been applied once."""

    stack: str
    server: ApiServer
    manifests: Path

    @property
    def namespaces(self) -> list[str]:
        """The platform's own first; pods of the others are restricted too, but in ``logs``."""
        own = stack(self.stack).outputs["namespace"]
        spaces = [one["metadata"]["name"] for one in objects(stack(self.stack), "Namespace")]
        return [own, *(space for space in spaces if space != own)]

    def objects(self) -> list[dict[str, Any]]:
        """What the manifests describe, as the API server has it."""
        found = self.server.kubectl("get", "-o", "json", "-f", str(self.manifests))
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout)["items"]


@pytest.fixture(scope="module", params=STACKS)
def deployed(
    request: pytest.FixtureRequest,
    api_server: ApiServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployed]:
    if request.param != "dev":  # the others have objects for the Prometheus Operator
        request.getfixturevalue("api_server_with_crds")
    folder = tmp_path_factory.mktemp(request.param)
    render(stack(request.param), folder)
    made = Deployed(request.param, api_server, folder / "manifests")
    first = api_server.kubectl(*APPLY, "-f", str(made.manifests))
    assert first.returncode == 0, first.stderr
    yield made
    api_server.kubectl("delete", "namespace", *made.namespaces, "--wait=false")


def test_every_manifest_is_admitted_in_the_order_of_the_file_names(deployed: Deployed):
    written = [yaml.safe_load(file.read_text()) for file in deployed.manifests.iterdir()]
    assert {identity(one) for one in deployed.objects()} == {identity(one) for one in written}
    assert len(written) == sum(r.is_kubernetes_object for r in stack(deployed.stack).resources)


def test_the_api_server_warns_of_nothing(deployed: Deployed):
    again = deployed.server.kubectl(*APPLY, "-f", str(deployed.manifests))
    assert "Warning" not in again.stderr


def test_a_second_apply_changes_nothing(deployed: Deployed):
    before = stated_by_name(deployed.objects())
    difference = deployed.server.kubectl(
        "diff", "--server-side", "--field-manager=test-manifests", "-f", str(deployed.manifests)
    )
    assert difference.returncode == 0, difference.stdout + difference.stderr
    again = deployed.server.kubectl(*APPLY, "-f", str(deployed.manifests))
    assert again.returncode == 0, again.stderr
    assert stated_by_name(deployed.objects()) == before


def test_a_changed_value_is_seen_as_a_change(deployed: Deployed):
    """Else the test above could not fail."""
    file = next(file for file in deployed.manifests.iterdir() if "-configmap-" in file.name)
    config_map = yaml.safe_load(file.read_text())
    config_map["data"]["added"] = "by this test"
    difference = deployed.server.kubectl(
        *("diff", "--server-side", "--field-manager=test-manifests", "-f", "-"),
        stdin=yaml.safe_dump(config_map),
    )
    assert difference.returncode == 1
    assert "by this test" in difference.stdout


def test_every_pod_is_admitted_under_the_restricted_standard(deployed: Deployed):
    templates = [pod(template) for template in pods(stack(deployed.stack))]
    admitted = deployed.server.kubectl(
        *("create", "--validate=strict", "--dry-run=server", "-o", "name", "-f", "-"),
        stdin=yaml.safe_dump_all(templates),
    )
    assert admitted.returncode == 0, admitted.stderr
    assert "Warning" not in admitted.stderr
    assert len(admitted.stdout.splitlines()) == len(templates)


def test_a_pod_that_may_gain_power_is_refused_there(deployed: Deployed):
    """The namespace really enforces what the test above relies on."""
    own = deployed.namespaces[0]
    careless = next(
        made
        for one in pods(stack(deployed.stack))
        if (made := pod(one))["metadata"]["namespace"] == own
    )
    for container in careless["spec"]["containers"]:
        del container["securityContext"]["allowPrivilegeEscalation"]
    refused = deployed.server.kubectl(
        "create", "--dry-run=server", "-f", "-", stdin=json.dumps(careless)
    )
    assert refused.returncode != 0
    assert 'violates PodSecurity "restricted' in refused.stderr


def test_no_controller_is_refused_its_pods(deployed: Deployed):
    """The controllers run here as in a cluster: quota, limits and standards hold for their pods."""
    for namespace in deployed.namespaces:
        controllers_make_their_pods(deployed.server, namespace)


def controllers_make_their_pods(server: ApiServer, namespace: str) -> None:
    for kind in ("deployments", "statefulsets", "jobs"):
        found = server.kubectl("-n", namespace, "get", kind, "-o", "json")
        for one in json.loads(found.stdout)["items"]:
            made = server.kubectl(
                *("-n", namespace, "wait", "pods", "--for=create", "--timeout=60s"),
                *("-l", f"app={one['metadata']['labels']['app']}"),
            )
            assert made.returncode == 0, f"{one['metadata']['name']}: {made.stderr}"
    events = server.kubectl(
        "-n", namespace, "get", "events", "--field-selector=reason=FailedCreate", "-o", "json"
    )
    assert [event["message"] for event in json.loads(events.stdout)["items"]] == []


def pod(template: Pods) -> dict[str, Any]:
    """A pod as the workload's controller would make it."""
    owner = template.owner.inputs
    names = [claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", [])]
    claims = [
        {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{template.name}-0"}}
        for name in names
    ]
    metadata = {
        **template.template["metadata"],
        "name": f"{template.name}-admitted",
        "namespace": owner["metadata"]["namespace"],
    }
    spec = {**template.spec, "volumes": [*template.spec["volumes"], *claims]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def identity(one: dict[str, Any]) -> tuple[str, str, str]:
    metadata = one["metadata"]
    return one["kind"], metadata.get("namespace", ""), metadata["name"]


def stated_by_name(objects: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """The objects without their status and without fields that controllers write."""
    scaled = {
        (one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"])
        for one in objects
        if one["kind"] == "HorizontalPodAutoscaler"
    }
    return {
        identity(one): stated(one, scaled=(one["kind"], one["metadata"]["name"]) in scaled)
        for one in objects
    }


def stated(one: dict[str, Any], *, scaled: bool) -> dict[str, Any]:
    """The object; an autoscaler changes the number of pods while the test runs."""
    kept = {key: value for key, value in one.items() if key not in ("metadata", "status")}
    fields = ["labels"] if scaled else ["labels", "generation"]
    if scaled:
        kept["spec"] = {key: v for key, v in kept["spec"].items() if key != "replicas"}
    return kept | {"metadata": {key: one["metadata"].get(key) for key in fields}}
