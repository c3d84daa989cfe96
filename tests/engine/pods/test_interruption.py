"""After `kill -9` of a `make up` with Pulumi, at ten moments, the next `make up` converges."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from delivery.pulumi_stack import Deployment
from delivery.stack_identity import ROOT
from delivery.state_folders import state_folder
from tests.harness.interruption import Ground, Killed, Moment, ground, pending_operations

PULUMI = shutil.which("pulumi")
pytestmark = pytest.mark.skipif(
    PULUMI is None, reason="no pulumi on PATH: https://www.pulumi.com/docs/install/"
)

COMMAND, GROUP, ALL = Killed
DEPLOYMENT = "Deployment by Pulumi"
MOMENTS = [
    Moment(step="Engine", killed=ALL),
    Moment(step=DEPLOYMENT, killed=COMMAND),
    Moment(step=DEPLOYMENT, line=r"Updating \(dev\)", killed=ALL),
    Moment(step=DEPLOYMENT, created=1, killed=GROUP),
    Moment(step=DEPLOYMENT, created=3, killed=ALL),
    Moment(step=DEPLOYMENT, created=8, killed=COMMAND),
    Moment(step=DEPLOYMENT, created=14, killed=ALL),
    Moment(step=DEPLOYMENT, line="StatefulSet .* Waiting for", killed=ALL),
    Moment(step=DEPLOYMENT, line="Job .* creating", killed=GROUP),
    Moment(step=DEPLOYMENT, line="Deployment .* Waiting for", killed=ALL),
    Moment(step="Workloads", killed=COMMAND),
]


@pytest.fixture(scope="module")
def with_pulumi() -> Generator[Ground]:
    with ground({}) as here:
        yield here


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_an_up_that_was_killed_converges(with_pulumi: Ground, moment: Moment) -> None:
    with_pulumi.survives(moment)
    deployment = Deployment(
        Path(PULUMI or ""), ROOT, "dev", state_folder("dev"), with_pulumi.kubectl
    )
    assert pending_operations(deployment) == []
