"""What the clouds publish that they cannot give: the numbers, and how one is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from components.base.limits import Limit, instances_problems
from components.clouds import CLOUDS

ROOT = Path(__file__).resolve().parents[3]
LIMITS: dict[str, Limit] = {
    name: found
    for cloud in CLOUDS
    for name, found in vars(cast("object", cloud.facts)).items()
    if isinstance(found, Limit)
}
PUBLISHED = {
    "GCP_FUNCTION_TIMEOUT": (1, 3600),
    "CLOUD_RUN_TIMEOUT": (1, 3600),
    "CLOUD_RUN_CONCURRENCY": (1, 1000),
    "CLOUD_SQL_LOG_DAYS": (1, 7),
    "AZURE_FUNCTION_RESPONSE": (1, 230),
    "AZURE_FUNCTION_INSTANCES": (1, 1000),
    "AZURE_CONTAINER_APP_REQUEST": (1, 240),
    "AZURE_CONTAINER_APP_GRACE": (1, 600),
    "AZURE_POSTGRES_BACKUP_DAYS": (7, 35),
    "AZURE_LOG_DAYS": (30, 730),
}
each_limit = pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)


def test_the_numbers_of_google_cloud_and_azure_are_the_published_ones():
    found = {name: (limit.least, limit.most) for name, limit in LIMITS.items()}
    assert {name: found[name] for name in PUBLISHED} == PUBLISHED


@each_limit
def test_a_value_within_the_limit_is_accepted(limit: Limit):
    assert limit.problems("args.value", limit.least, fix="less") == []
    assert limit.problems("args.value", limit.most, fix="less") == []


@each_limit
def test_a_value_beyond_the_limit_is_refused_with_the_number_and_the_document(limit: Limit):
    for beyond in (limit.most + 1, limit.least - 1):
        (problem,) = limit.problems("args.value", beyond, fix="less")
        assert problem.path == "args.value"
        assert problem.fix == "less"
        assert str(limit.most) in problem.what
        assert limit.source in problem.consequence


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_used_by_a_check(name: str):
    used = [
        file
        for folder in ("components", "policies")
        for file in (ROOT / folder).rglob("*.py")
        if file.name != "facts.py" and name in file.read_text()
    ]
    assert used


@pytest.mark.parametrize(("fewest", "most"), [(2, 1), (-1, 3), (0, 0)])
def test_a_minimum_above_the_maximum_is_refused(fewest: int, most: int):
    (problem,) = instances_problems(fewest, most)
    assert problem.path == "min_instances"


def test_valid_instance_bounds_are_accepted():
    assert instances_problems(0, 1) == instances_problems(3, 3) == []
