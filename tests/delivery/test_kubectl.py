"""kubectl's errors become problems with a consequence and a fix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from delivery.kubectl import explain, listed, reference, require


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ('{"kind": "Pod", "metadata": {"name": "a"}}', ["a"]),
        ('{"kind": "List", "items": [{"metadata": {"name": "a"}}]}', ["a"]),
        ('{"kind": "Pod", "metadata": {"name": "{"}}\n{"kind": "A", "metadata": {"name": "b"}}\n',
         ["{", "b"]),
    ],
)  # fmt: skip
def test_every_form_of_output_is_read(text: str, names: list[str]) -> None:
    assert [thing["metadata"]["name"] for thing in listed(text)] == names


def test_an_object_is_called_by_kind_namespace_and_name() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "a", "namespace": "n"}}
    assert reference(pod) == "Pod/n/a"
    assert reference({"kind": "Namespace", "metadata": {"name": "n"}}) == "Namespace/n"


@pytest.mark.parametrize(
    ("complaint", "meaning"),
    [
        ("The connection to the server 127.0.0.1:1 was refused", "does not answer"),
        ("Unable to connect to the server: dial tcp: lookup x: no such host", "does not answer"),
        ("error: You must be logged in to the server (Unauthorized)", "these credentials"),
        ('pods is forbidden: User "u" cannot list resource "pods"', "lack a permission"),
        ('Apply failed with 1 conflict: conflict with "someone": .data.a', "another field manager"),
        ('no matches for kind "Gateway" in version "gateway.networking.k8s.io/v1"', "lacks a"),
        ('pods "a" is forbidden: violates PodSecurity "restricted"', "own rules"),
        ('The StatefulSet "a" is invalid: spec: Forbidden: updates to statefulset spec', "change"),
        ("error: something new", "kubectl refused: something new"),
    ],
)
def test_an_error_of_kubectl_gets_an_explanation(complaint: str, meaning: str) -> None:
    (problem,) = explain(complaint, "mine")
    assert meaning in problem.what
    assert problem.path == "context mine"
    assert "{context}" not in problem.fix


def test_error_output_is_shortened_to_its_error_lines() -> None:
    complaint = (
        "Warning: unrelated\n"
        'E1121 08:00:00.1  77 memcache.go:265] "Unhandled Error" err="couldn\'t get"\n'
        f'The Job "a" is invalid: spec.template: Invalid value: {{{"x" * 500}}}: immutable\n'
        "Please review the fields above--they currently have other managers.\n* long advice\n"
    )
    (problem,) = explain(complaint, "mine")
    assert "immutable" in problem.what
    assert len(problem.what) < 200


def test_what_kubectl_says_of_the_first_apply_of_a_stack_hides_no_refusal() -> None:
    """It had no such conflict with another manager, and it went on."""
    retried = (
        "WARNING: failed to update ApplySet: Apply failed with 2 conflicts: conflicts with "
        '"kubectl-create" using delivery.qudag.com/v1:\n'
        "- .metadata.annotations.applyset.kubernetes.io/contains-group-kinds\n"
        "- .metadata.annotations.applyset.kubernetes.io/tooling\n"
        "ApplySet field manager kubectl-applyset should own these fields. "
        "Retrying with conflicts forced.\n"
    )
    refused = 'Error from server: admission webhook "vscaledobject.kb.io" denied the request: no\n'
    (problem,) = explain(retried + refused, "mine")
    assert "own rules" in problem.what
    assert "denied the request: no" in problem.what
    assert "ApplySet" not in problem.what


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (json.dumps({"clientVersion": {"gitVersion": "v1.26.3"}}), "older than 1.27"),
        ("nonsense", "its version is unknown"),
    ],
)
def test_a_kubectl_that_cannot_prune_is_refused(tmp_path: Path, said: str, complaint: str) -> None:
    old = tmp_path / "kubectl"
    old.write_text(f"#!/bin/sh\ncat <<'J'\n{said}\nJ\n")
    old.chmod(0o755)
    with pytest.raises(ProblemReport) as report:
        require(old)
    assert complaint in report.value.problems[0].what
    assert "CLUSTER=node" in report.value.problems[0].fix
