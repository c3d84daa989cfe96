"""Objects that a killed Pulumi created are added to its state; other pending operations go."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from delivery.kubectl import Kubectl
from delivery.pending_operations import operations, remove_incomplete_files, resolved_state

SPACE = "urn:pulumi:dev::p::kubernetes:core/v1:Namespace::space"
SERVICE = "urn:pulumi:dev::p::kubernetes:core/v1:Service::edge"
LOST = "urn:pulumi:dev::p::kubernetes:core/v1:ConfigMap::lost"
PROVIDER = "urn:pulumi:dev::p::pulumi:providers:kubernetes::cluster"


def resource(urn: str, kind: str, **metadata: str) -> dict[str, Any]:
    inputs = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    return {"urn": urn, "custom": True, "type": urn.split("::")[2], "inputs": inputs}


def begun(kind: str, what: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "resource": what}


def state(*pending: dict[str, Any], resources: tuple[dict[str, Any], ...] = ()) -> str:
    deployment = {"resources": list(resources), "pending_operations": list(pending)}
    return json.dumps({"version": 3, "deployment": deployment})


@pytest.fixture
def kubectl(tmp_path: Path) -> Kubectl:
    """A kubectl for a cluster that has the Service and nothing else."""
    owned = [
        {"manager": "pulumi-kubernetes-1a2b", "operation": "Apply"},
        {"manager": "controller", "operation": "Update"},
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "edge", "namespace": "space", "managedFields": owned},
        "spec": {"clusterIP": "10.0.0.1"},
    }
    program = tmp_path / "kubectl"
    program.write_text(f"#!/bin/sh\ncat >/dev/null\ncat <<'END'\n{json.dumps(service)}\nEND\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Kubectl(program, "none")


def after(exported: str, kubectl: Kubectl) -> dict[str, Any]:
    return json.loads(resolved_state(exported, kubectl))["deployment"]


def test_nothing_is_open_after_an_update_that_ended() -> None:
    assert operations(json.dumps({"deployment": {"resources": []}})) == []
    assert operations("{}") == []


def test_an_object_that_exists_in_the_cluster_is_added_to_the_state(kubectl: Kubectl) -> None:
    service = resource(SERVICE, "Service", name="edge", namespace="space")
    found = after(state(begun("creating", service)), kubectl)
    assert "pending_operations" not in found
    (taken,) = found["resources"]
    assert taken["id"] == "space/edge"
    assert taken["inputs"] == service["inputs"]
    assert taken["outputs"]["__fieldManager"] == "pulumi-kubernetes-1a2b"
    assert taken["outputs"]["__inputs"] == service["inputs"]


def test_a_pending_operation_without_an_object_is_removed(kubectl: Kubectl) -> None:
    lost = resource(LOST, "ConfigMap", name="lost", namespace="space")
    provider = {"urn": PROVIDER, "custom": True, "inputs": {"context": "node"}}
    found = after(state(begun("creating", lost), begun("creating", provider)), kubectl)
    assert found["resources"] == []


def test_a_resource_in_the_state_is_left_unchanged(kubectl: Kubectl) -> None:
    known = resource(SERVICE, "Service", name="edge", namespace="space") | {"id": "space/edge"}
    for kind in ("creating", "updating", "deleting"):
        found = after(state(begun(kind, known), resources=(known,)), kubectl)
        assert found["resources"] == [known]


def test_files_that_were_half_written_are_removed(tmp_path: Path) -> None:
    backend = tmp_path / ".pulumi" / "stacks"
    backend.mkdir(parents=True)
    whole = {"dev.json": "{}", "dev.json.attrs": '{"md5": ""}', "dev.json.bak": "{}"}
    halves = {"dev.json.1899a.tmp": "{", "dev.json.bak.attrs": "", "meta.yaml.attrs": '{"md5'}
    for name, text in {**whole, **halves}.items():
        (backend / name).write_text(text)
    remove_incomplete_files(tmp_path)
    assert {file.name for file in backend.iterdir()} == set(whole)
