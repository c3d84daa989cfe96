"""The new database of a restore: its name, its moment, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from components.base.postgres_forms import CLUSTER_NAME
from components.base.problems import ProblemReport
from delivery.database_restore import Wanted
from delivery.restores.target import Target, target

NOW = datetime(2026, 11, 29, 2, 30, 15, tzinfo=UTC)


def wanted_target(longest: int = 50, **given: Any) -> Target:
    wanted = Wanted(**given)
    return target(wanted, "postgres", now=NOW, longest=longest, days=7, taken={"folder"})


@pytest.mark.parametrize(
    ("before", "time", "name"),
    [
        (None, None, "postgres-20261129-023015"),
        ("2026-11-28T02:00:00Z", "2026-11-28T02:00:00Z", "postgres-20261128-020000"),
        ("2026-11-28T02:00:00+05:30", "2026-11-27T20:30:00Z", "postgres-20261127-203000"),
        ("2026-11-28T02:00:00.25Z", "2026-11-28T02:00:00.250Z", "postgres-20261128-020000"),
    ],
)
def test_times_are_in_utc_and_part_of_the_name(before: str | None, time: str | None, name: str):
    made = wanted_target(before=before)
    assert (made.time, made.name) == (time, name)


@pytest.mark.parametrize("longest", [20, 23, 24, 25])
def test_a_name_that_is_made_is_never_too_long(longest: int):
    name = wanted_target(longest=longest).name
    assert len(name) <= longest
    assert name.endswith("-20261129-023015")
    assert "--" not in name


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({"before": "yesterday"}, ["--before"]),
        ({"before": "2026-11-28T02:00:00"}, ["--before"]),
        ({"before": "2026-11-29T02:30:16Z"}, ["--before"]),
        ({"before": "2026-11-22T02:30:14Z"}, ["--before"]),
        ({"database": "postgres"}, ["--database"]),
        ({"database": "folder"}, ["--database"]),
        ({"database": "Upper"}, ["--database"]),
        ({"database": "two--hyphens"}, ["--database"]),
        ({"database": "a;rm"}, ["--database"]),
        ({"database": "a" * 51}, ["--database"]),
        ({"listing": True}, ["--list"]),
        ({"replace": True, "database": "postgres"}, ["--replace", "--database"]),
        ({"replace": True, "before": "1999-01-01T00:00:00Z"}, ["--replace", "--before"]),
    ],
)
def test_all_that_cannot_be_done_is_refused_at_once(given: dict[str, Any], paths: list[str]):
    with pytest.raises(ProblemReport) as refused:
        wanted_target(**given)
    assert [each.path for each in refused.value.problems] == paths


def test_the_oldest_and_the_newest_moment_are_allowed():
    for before in ("2026-11-22T02:30:15Z", "2026-11-29T02:30:15Z"):
        assert wanted_target(before=before).time == before


def test_names_of_clusters_have_the_form_of_the_component():
    assert CLUSTER_NAME.longest == 50
