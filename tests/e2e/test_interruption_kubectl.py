"""After `kill -9` of a `make up` with kubectl, at ten moments, the next `make up` converges."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.harness.interruption import Ground, Killed, Moment, ground
from tests.harness.restricted_path import path_without

COMMAND, GROUP, ALL = Killed
MOMENTS = [
    Moment(step="Engine", killed=COMMAND),
    Moment(step="Cluster", killed=GROUP),
    Moment(step="Images", killed=ALL),
    Moment(step="Secrets", share=0.3, killed=ALL),
    Moment(step="Secrets", share=0.7, killed=GROUP),
    Moment(step="Deployment", killed=ALL),
    Moment(step="Deployment", share=0.4, killed=COMMAND),
    pytest.param(Moment(step="Deployment", share=0.7, killed=ALL), marks=pytest.mark.smoke),
    Moment(step="Workloads", killed=ALL),
    Moment(step="Workloads", share=0.4, killed=GROUP),
    Moment(step="Checks", killed=COMMAND),
]


@pytest.fixture(scope="module")
def without_pulumi() -> Generator[Ground]:
    with ground({"PATH": path_without("pulumi")}) as here:
        yield here


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_an_up_that_was_killed_converges(without_pulumi: Ground, moment: Moment) -> None:
    without_pulumi.survives(moment)
