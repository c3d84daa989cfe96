"""A stack deployed by a real Pulumi CLI: up, second up, change, destroy.

The program here needs no provider, so that only the CLI and its Python host are asked for.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from components.base.problems import ProblemReport
from delivery.kubectl import Kubectl
from delivery.progress import Progress
from delivery.pulumi_stack import Deployment, delete_state

PULUMI = shutil.which("pulumi")
pytestmark = pytest.mark.skipif(
    PULUMI is None or shutil.which("pulumi-language-python") is None,
    reason="no pulumi with its Python host on PATH: https://www.pulumi.com/docs/install/",
)

NO_CLUSTER = Kubectl(Path("kubectl"), "none")  # the program has nothing to put into one

PROGRAM = """
import time

import pulumi

config = pulumi.Config()

class Part(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("test:index:Part", name)
        self.register_outputs({})

for name in config.require_object("parts"):
    if name == "slow":
        time.sleep(8)
    if name == "broken":
        raise RuntimeError("a part is broken")
    Part(name)
pulumi.export("mcp_url", "https://address-of.space.service/mcp")
"""


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    root, state = tmp_path / "program", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (root / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "engine-test", "runtime": runtime}))
    (root / "__main__.py").write_text(PROGRAM)
    (root / "Pulumi.dev.yaml").write_text(
        "# a comment that stays\nconfig:\n  engine-test:parts: [a, b]\n"
    )
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    return Deployment(Path(PULUMI or ""), root, "dev", state, NO_CLUSTER)


@pytest.fixture
def progress() -> Progress:
    return Progress(Console(file=io.StringIO()))


def test_a_second_up_changes_nothing(deployment: Deployment, progress: Progress) -> None:
    assert deployment.up({}, progress) == {"created": 3}  # the stack counts as well
    assert deployment.up({}, progress) == {"unchanged": 3}


def test_the_outputs_are_those_of_the_program(deployment: Deployment, progress: Progress) -> None:
    deployment.up({}, progress)
    assert deployment.outputs() == {"mcp_url": "https://address-of.space.service/mcp"}


def test_settings_of_this_machine_override_the_stack_file(
    deployment: Deployment, progress: Progress
) -> None:
    deployment.up({}, progress)
    assert deployment.up({"engine-test:parts": ["a"]}, progress) == {"deleted": 1, "unchanged": 2}


def test_up_leaves_the_programs_files_unchanged(deployment: Deployment, progress: Progress) -> None:
    before = {file.name: file.read_bytes() for file in deployment.root.glob("Pulumi*")}
    deployment.up({}, progress)
    assert {file.name: file.read_bytes() for file in deployment.root.glob("Pulumi*")} == before


def test_a_failed_program_gives_a_message_and_the_next_up_continues(
    deployment: Deployment, progress: Progress
) -> None:
    deployment.up({}, progress)
    with pytest.raises(ProblemReport) as report:
        deployment.up({"engine-test:parts": ["broken"]}, progress)
    assert "a part is broken" in str(report.value)
    assert deployment.up({}, progress) == {"unchanged": 3}


def test_destroy_leaves_nothing_and_up_comes_again(
    deployment: Deployment, progress: Progress
) -> None:
    deployment.up({}, progress)
    deployment.destroy(progress)
    assert deployment.outputs() == {}
    assert deployment.up({}, progress) == {"created": 3}


def test_a_stack_whose_cluster_is_gone_is_forgotten(
    deployment: Deployment, progress: Progress
) -> None:
    deployment.up({}, progress)
    delete_state(deployment.state)
    assert deployment.up({}, progress) == {"created": 3}


def test_state_that_a_killed_cli_half_wrote_is_read(
    deployment: Deployment, progress: Progress
) -> None:
    deployment.up({}, progress)
    (attributes,) = deployment.state.rglob("stacks/**/dev.json.attrs")
    attributes.write_text("")
    assert deployment.up({}, progress) == {"unchanged": 3}


def test_up_continues_a_stack_whose_salt_is_missing(
    deployment: Deployment, progress: Progress
) -> None:
    deployment.up({}, progress)
    (deployment.state / "salt").unlink()
    assert deployment.up({}, progress) == {"unchanged": 3}


def test_a_stack_that_cannot_be_read_is_not_made_anew(
    deployment: Deployment, progress: Progress
) -> None:
    deployment.up({}, progress)
    (state,) = deployment.state.rglob("stacks/**/dev.json")
    before = state.read_text()
    state.write_text("{")
    with pytest.raises(ProblemReport):
        deployment.up({}, progress)
    state.write_text(before)
    assert deployment.up({}, progress) == {"unchanged": 3}


def test_the_next_up_continues_a_killed_one(deployment: Deployment, progress: Progress) -> None:
    ours = f"""
import sys
from pathlib import Path
from rich.console import Console
from delivery.kubectl import Kubectl
from delivery.progress import Progress
from delivery.pulumi_stack import Deployment
progress = Progress(Console(file=sys.stdout))
with progress.step("up"):
    Deployment(
        Path({str(deployment.pulumi)!r}), Path({str(deployment.root)!r}), "dev",
        Path({str(deployment.state)!r}), Kubectl(Path("kubectl"), "none"),
    ).up({{"engine-test:parts": ["a", "slow"]}}, progress)
"""
    with subprocess.Popen(
        [sys.executable, "-c", ours], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "Updating" in line:
                break
        running.kill()
    done = deployment.up({}, progress)
    assert sum(done.values()) == 3
    assert deployment.up({}, progress) == {"unchanged": 3}
