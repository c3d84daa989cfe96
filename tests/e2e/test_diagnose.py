"""`qudag-mcp diagnose` names an injected fault first, and nothing on a platform that is well."""

from __future__ import annotations

import base64
import json
import tarfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from components.base.problems import ProblemReport
from delivery import rollout
from delivery.kubectl import Kubectl, Object
from delivery.progress import Progress
from tests.harness.deployed_platform import Platform, verb
from tests.harness.faults import FAULTS, PASSWORDS, Broken
from tests.harness.server import until

SECONDS = 90
RESTORED_WITHIN_SECONDS = 300
KEPT_BY_THE_CLUSTER = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp")


@pytest.fixture
def broken(platform: Platform) -> Generator[Broken]:
    """The platform, restored at the end to the objects that it had."""
    one = Broken(platform.kubectl, platform.namespace)
    kinds = "deployment,statefulset,service,serviceaccount,networkpolicy,configmap,secret"
    before = [restorable(thing) for thing in platform.kubectl.objects(kinds, f"-n={one.namespace}")]
    yield one
    for kind in ("resourcequota", "persistentvolumeclaim"):
        one.run("delete", kind, "fault", "--ignore-not-found", "--wait=false")
    listing = json.dumps({"apiVersion": "v1", "kind": "List", "items": before})
    one.kubectl.run("create", "--filename=-", stdin=listing)  # those that are absent
    one.kubectl.must("replace", "--filename=-", stdin=listing)
    for restart in one.undo:
        restart()
    workloads = [thing for thing in before if thing["kind"] in rollout.KINDS]
    until(lambda: all_ready(one.kubectl, workloads), RESTORED_WITHIN_SECONDS)


def all_ready(kubectl: Kubectl, workloads: Sequence[Object]) -> bool:
    """Whether the pods run again; a controller that was refused pods is asked to try again."""
    try:
        rollout.wait(kubectl, workloads, Progress(Console(quiet=True)))
    except ProblemReport:
        for thing in workloads:
            if thing["kind"] == "Deployment":
                where = f"-n={thing['metadata']['namespace']}"
                kubectl.must("rollout", "restart", "deployment", thing["metadata"]["name"], where)
        time.sleep(5)  # kubectl refuses another restart within a second
        return False
    return True


def restorable(thing: Object) -> Object:
    metadata = {
        key: value for key, value in thing["metadata"].items() if key not in KEPT_BY_THE_CLUSTER
    }
    return {key: value for key, value in thing.items() if key != "status"} | {"metadata": metadata}


def diagnosed(*options: str) -> list[dict[str, str]]:
    return json.loads(verb("diagnose", "--json", *options).out)


def test_nothing_is_wrong_with_a_platform_that_is_well(platform: Platform):
    del platform
    ran = verb("diagnose")
    assert ran.status == 0, ran.out
    assert "Nothing wrong was found" in ran.out
    assert "not looked at" not in ran.out


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_the_first_cause(broken: Broken, name: str):
    fault = FAULTS[name]
    fault.inject(broken)
    options = () if fault.compared else ("--no-compare",)
    deadline = time.monotonic() + SECONDS
    while True:
        found = diagnosed(*options)
        first = found[0] if found else {"path": "", "what": "", "rank": "warning"}
        if fault.path in first["path"] and fault.what in first["what"]:
            break
        assert time.monotonic() < deadline, json.dumps(found, indent=1)
        time.sleep(2)
    assert first["rank"] != "warning"


def test_the_bundle_has_no_secret(broken: Broken, tmp_path: Path):
    canary = "canary-0b7f3a"
    broken.secret(PASSWORDS, "database-password", canary)
    broken.restart()
    file = tmp_path / "bundle.tar.gz"
    verb("diagnose", f"--bundle={file}")
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        texts = {one.name: archive.extractfile(one) for one in archive.getmembers()}
        read = {name: (file.read() if file else b"") for name, file in texts.items()}
    assert {"causes.txt", "objects/pods.json", "objects/events.json", "secrets.json"} <= read.keys()
    assert any(name.startswith("logs/") for name in read)
    encoded = base64.b64encode(canary.encode())
    assert not [name for name, data in read.items() if canary.encode() in data or encoded in data]
