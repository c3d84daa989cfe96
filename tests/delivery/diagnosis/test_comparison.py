"""What the API server refuses to compare is named, and never passed over."""

from __future__ import annotations

import json
from pathlib import Path

from delivery.diagnosis.comparison import compare
from delivery.diagnosis.evidence import Evidence
from delivery.kubectl import Kubectl

SERVICE = {"kind": "Service", "metadata": {"name": "server", "namespace": "mcp"}}


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
