"""What the API server refuses to compare is named, and never passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.diagnosis.comparison import compare, differing
from delivery.diagnosis.evidence import Evidence
from delivery.kubectl import FIELD_MANAGER, Kubectl

SERVICE: dict[str, Any] = {"kind": "Service", "metadata": {"name": "server", "namespace": "mcp"}}


def kubectl(folder: Path, apply: str) -> Kubectl:
    """A program in place of kubectl: `get` finds the Service, and `apply` does as given."""
    program = folder / "kubectl"
    program.write_text(
        f"#!/bin/sh\ncase \"$*\" in *apply*) {apply};; esac\necho '{json.dumps(SERVICE)}'\n"
    )
    program.chmod(0o700)
    return Kubectl(program, "test")


def test_a_refused_dry_run_is_named(tmp_path: Path):
    found = Evidence(["mcp"])
    refusing = kubectl(tmp_path, "echo 'admission webhook denied the request' >&2; exit 1")
    compare(refusing, [SERVICE, {**SERVICE, "kind": "Secret"}], found)
    assert "admission webhook denied" in found.unread["comparison of fields"]
    assert found.differences == {"Secret/mcp/server": None}


def test_an_equal_object_is_no_difference(tmp_path: Path):
    found = Evidence(["mcp"])
    compare(kubectl(tmp_path, ":"), [SERVICE], found)
    assert (found.unread, found.differences) == ({}, {})


def test_an_object_that_is_refused_is_a_cause_and_hides_no_other(tmp_path: Path):
    """As after a port of a Service was changed by hand: kubectl then returns no object."""
    other = {"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "mcp"}, "data": {"a": "1"}}
    changed = {**other, "data": {"a": "2"}}
    said = 'The Service "server" is invalid: spec.ports[1].name: Duplicate value: "web"'
    both = json.dumps({"kind": "List", "items": [SERVICE, other]})
    program = tmp_path / "kubectl"
    program.write_text(
        "#!/bin/sh\n"
        "given=$(cat)\n"
        f"case \"$*\" in *apply*) case $given in *Service*) echo '{said}' >&2; exit 1;; esac\n"
        f"echo '{json.dumps({'kind': 'List', 'items': [changed]})}'; exit;; esac\n"
        f"echo '{both}'\n"
    )
    program.chmod(0o700)
    found = Evidence(["mcp"])
    compare(Kubectl(program, "test"), [SERVICE, changed], found)
    assert found.unread == {}
    assert found.differences == {"ConfigMap/mcp/a": {"data.a": ("1", "2")}}
    causes = {cause.problem.path: cause.problem for cause in differing(found)}
    assert "Duplicate value" in causes["Service/mcp/server"].what
    assert "delete it" in causes["Service/mcp/server"].fix


@pytest.mark.parametrize(
    ("entry", "by_hand"),
    [
        ({"manager": "kubectl-edit", "operation": "Update"}, True),
        ({"manager": "kubectl", "operation": "Update", "subresource": "scale"}, False),
        ({"manager": "kube-controller-manager", "operation": "Update"}, False),
        ({"manager": FIELD_MANAGER, "operation": "Apply"}, False),
        ({"manager": "pulumi-kubernetes-1a2b", "operation": "Apply"}, False),
    ],
)
def test_make_up_is_the_fix_only_where_it_overwrites(
    tmp_path: Path, entry: dict[str, str], by_hand: bool
):
    now = {
        **SERVICE,
        "metadata": {**SERVICE["metadata"], "managedFields": [entry]},
        "spec": {"a": 1},
    }
    wanted = {**SERVICE, "spec": {"a": 2}}
    program = kubectl(tmp_path, f"echo '{json.dumps(wanted)}'; exit")
    program.program.write_text(
        program.program.read_text().replace(json.dumps(SERVICE), json.dumps(now))
    )
    found = Evidence(["mcp"])
    compare(program, [wanted], found)
    [cause] = differing(found)
    assert ("make up sets it again" in cause.problem.fix) is not by_hand
    assert ("kubectl-edit set" in cause.problem.fix) is by_hand
