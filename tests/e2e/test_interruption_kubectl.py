"""After `kill -9` of a `make up` with kubectl, at 11 moments, the next `make up` converges."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.harness.interruption import Ground, Killed, Moment, ground
from tests.harness.restricted_path import path_without

COMMAND, GROUP, ALL = Killed
MOMENTS = [
    [
        Moment(step="Engine", killed=COMMAND),
        Moment(step="Cluster", killed=GROUP),
        Moment(step="Secrets", share=0.7, killed=GROUP),
    ],
    [
        Moment(step="Images", killed=ALL),
        Moment(step="Secrets", share=0.3, killed=ALL),
        Moment(step="Deployment", killed=ALL),
    ],
    [
        Moment(step="Deployment", share=0.4, killed=COMMAND),
        Moment(step="Workloads", share=0.4, killed=GROUP),
    ],
    pytest.param(
        [Moment(step="Deployment", share=0.7, killed=ALL)],
        marks=pytest.mark.smoke,
    ),
    [
        Moment(step="Workloads", killed=ALL),
        Moment(step="Checks", killed=COMMAND),
    ],
]
"""Ups that are killed one after the other. Each continues the one before: only what a step makes
later than the moment of that one is new to it."""


def named(moments: list[Moment]) -> str:
    return "; ".join(map(str, moments))


@pytest.fixture(scope="module")
def without_pulumi() -> Generator[Ground]:
    with ground({"PATH": path_without("pulumi")}) as here:
        yield here


@pytest.mark.parametrize("moments", MOMENTS, ids=named)
def test_up_completes_after_one_that_was_killed(
    without_pulumi: Ground, moments: list[Moment]
) -> None:
    without_pulumi.survives(*moments)
