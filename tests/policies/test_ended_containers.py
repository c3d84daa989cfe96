"""Containers that end before the server starts are no program that clients could reach."""

from __future__ import annotations

from typing import Any

import pytest

from policies.rules.aws.reverse_proxies import serving

SERVER: dict[str, Any] = {"name": "server"}
OTHER: dict[str, Any] = {"name": "other"}


def waiting(condition: str, *, on: str = "other") -> dict[str, Any]:
    return {**SERVER, "dependsOn": [{"containerName": on, "condition": condition}]}


def test_a_container_that_has_succeeded_before_the_server_starts_is_left_out():
    server = waiting("SUCCESS")
    assert serving([server, OTHER]) == [server]


@pytest.mark.parametrize("condition", ["START", "HEALTHY", "COMPLETE"])
def test_a_container_that_may_still_run_stays(condition: str):
    containers = [waiting(condition), OTHER]
    assert serving(containers) == containers


def test_all_stay_if_one_does_not_wait():
    containers = [waiting("SUCCESS"), OTHER, {"name": "program"}]
    assert serving(containers) == containers
