"""`make up` and `make down` through a real Pulumi CLI and its Kubernetes provider, on real pods."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.pulumi_stack import Deployment
from delivery.stack_identity import ROOT
from delivery.state_folders import state_folder
from tests.harness.deployed_platform import verb
from tests.harness.interruption import Ground, MakeUp, exported, ground

PULUMI = shutil.which("pulumi")
pytestmark = pytest.mark.skipif(
    PULUMI is None, reason="no pulumi on PATH: https://www.pulumi.com/docs/install/"
)

PARTS = ("__main__.py", "Pulumi.yaml", "components", "stacks", "graph", "archives", ".venv")


@pytest.fixture(scope="module")
def deployed() -> Generator[Ground]:
    with ground({}) as here:
        yield here


@pytest.fixture
def deployment(deployed: Ground) -> Deployment:
    return Deployment(Path(PULUMI or ""), ROOT, "dev", state_folder("dev"), deployed.kubectl)


def program_with_images(folder: Path, **images: str) -> Path:
    """This repository's program, as a developer who changed images in its stack file has it."""
    folder.mkdir()
    for part in PARTS:
        (folder / part).symlink_to(ROOT / part)
    written: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
    written["config"]["qudag-mcp:images"] = images
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump(written))
    return folder


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Types and names of the resources that are not what they were."""
    return {
        "::".join(urn.split("::")[2:]).rpartition("$")[2]
        for urn in before.keys() | after.keys()
        if before.get(urn) != after.get(urn)
    }


def test_a_second_up_reports_every_resource_unchanged(deployment: Deployment) -> None:
    resources = exported(deployment)
    said = MakeUp.start({}).to_the_end()
    assert re.findall(r"\] +(\d+) unchanged$", said, re.MULTILINE) == [str(len(resources))], said
    assert "Deployment by Pulumi: nothing changed" in said
    assert exported(deployment) == resources


def test_refresh_shows_drift_only_after_a_change_in_the_cluster(
    deployed: Ground, deployment: Deployment
) -> None:
    assert drift(deployment) == ""
    ours = "--selector=app.kubernetes.io/name"
    config, *_ = deployed.kubectl.objects("configmap", "-n=qudag-mcp-dev", ours)
    (key, text), *_ = config["data"].items()
    patch = ("patch", "configmap", config["metadata"]["name"], "-n=qudag-mcp-dev", "--type=merge")
    for value, drifted in ((f"{text}# a surprise\n", True), (text, False)):
        deployed.kubectl.must(*patch, f"--patch={json.dumps({'data': {key: value}})}")
        assert ("surprise" in drift(deployment)) is drifted


def drift(deployment: Deployment) -> str:
    """What `pulumi refresh` would change in the state."""
    config = deployment.state / "Pulumi.dev.yaml"
    ran = subprocess.run(
        [
            *(deployment.pulumi, "refresh", "--stack=dev", f"--config-file={config}"),
            *("--preview-only", "--expect-no-changes", "--non-interactive", "--diff"),
        ],
        cwd=ROOT,
        env={**os.environ, **deployment.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if ran.returncode == 0 else ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("image", "name", "carried_by"),
    [
        (
            "valkey",
            "docker.io/valkey/valkey:8.1-changed",
            {"kubernetes:apps/v1:StatefulSet::data-cache-pods"},
        ),
        (
            "gateway",
            "docker.io/nginxinc/nginx-unprivileged:1.29-changed",
            {"kubernetes:apps/v1:Deployment::mcp-server-pods"},
        ),
    ],
)
def test_a_change_of_one_image_updates_only_what_carries_it(
    deployment: Deployment, tmp_path: Path, image: str, name: str, carried_by: set[str]
) -> None:
    before = exported(deployment)
    program = program_with_images(tmp_path / "program", **{image: name})
    done = verb("up", "-C", str(program))
    assert done.status == 0, done.err
    assert changed(before, exported(deployment)) == carried_by
    assert f"Deployment by Pulumi: {len(carried_by)} updated, " in done.err
    assert verb("up").status == 0
    assert exported(deployment) == before


def test_down_destroys_the_deployed_resources(deployed: Ground, deployment: Deployment) -> None:
    done = verb("down", "--keep-cluster")
    assert done.status == 0, done.err
    assert "the stack that Pulumi deployed in" in done.out
    assert deployed.kubectl.objects("namespace", "qudag-mcp-dev") == []
    assert not (deployment.state / "pulumi").exists()
