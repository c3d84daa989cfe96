"""`pulumi up` refuses images with a placeholder digest; a preview accepts them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pulumi
import pytest
import yaml

from components.base.problems import ProblemReport
from components.kubernetes.container import Container
from components.kubernetes.workload import Workload, WorkloadArgs
from graph.recorder import record
from stacks.program import main
from tests.harness.prod import config_read_in_clouds

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGE: Final = "ghcr.io/a/b:1@sha256:"
UNPUSHED: Final = IMAGE + "0" * 64


def as_update() -> None:
    """Makes the rest of the program run as in an update, not in a preview."""
    pulumi.runtime.settings.SETTINGS.dry_run = False  # pyright: ignore[reportAttributeAccessIssue]


def config_of(stack: str) -> dict[str, str]:
    written = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key: v if isinstance(v, str) else json.dumps(v) for key, v in written.items()}


def unpushed(stack: str) -> set[str]:
    """The paths of the images with the placeholder, as text search in the stack file finds them."""
    lines = (ROOT / f"Pulumi.{stack}.yaml").read_text().splitlines()
    return {str(n) for n, line in enumerate(lines, 1) if line.endswith("0" * 64)}


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_an_update_refuses_every_placeholder_of_the_stack_file_at_its_line(stack: str):
    def update() -> None:
        as_update()
        main()

    with pytest.raises(ProblemReport) as refused:
        record(update, project="qudag-mcp", stack=stack, config=config_of(stack))
    said = [problem.path for problem in refused.value.problems]
    assert {path.rpartition("line ")[2].rstrip(")") for path in said} == unpushed(stack) != set()


def test_images_of_a_disabled_cluster_are_not_required():
    text = {name: value.replace("0" * 64, "1" * 64) for name, value in config_of("prod").items()}
    without = config_read_in_clouds(text)
    config = {**without, "qudag-mcp:kubernetes": json.dumps({"enabled": False})}

    def update() -> None:
        as_update()
        main()

    assert record(update, project="qudag-mcp", stack="prod", config=config).resources


def workload(image: str) -> None:
    container = Container(name="server", image=image, command=["serve"])
    Workload("a", WorkloadArgs(namespace="b", component="c", containers=[container]))


def test_an_update_refuses_a_placeholder_in_the_args_of_a_component():
    def update() -> None:
        as_update()
        workload(UNPUSHED)

    with pytest.raises(ProblemReport) as refused:
        record(update)
    assert [problem.path for problem in refused.value.problems] == ["a.containers[0].image"]


def test_an_update_accepts_a_real_digest_and_a_preview_the_placeholder():
    def update() -> None:
        as_update()
        workload(IMAGE + "1" * 64)

    assert record(update).resources
    assert record(lambda: workload(UNPUSHED)).resources
