"""A restore runs the drill's job with other arguments, and refuses what it cannot do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from components.kubernetes.database_backup import DRILL, DatabaseBackup
from delivery import database_restore
from delivery.database_restore import LABEL, Wanted, job_of
from tests.components.kubernetes.test_database_backup import ARGS

NOW = datetime(2026, 11, 29, 2, 30, 15, tzinfo=UTC)


def drill() -> dict[str, Any]:
    (found,) = [
        each
        for each in DatabaseBackup.manifests("backup", ARGS)
        if each.kind == "CronJob" and each.metadata["name"] == DRILL
    ]
    return {"metadata": dict(found.metadata), **found.fields}


def command(wanted: Wanted) -> list[str]:
    pod = job_of(drill(), wanted, NOW)["spec"]["template"]["spec"]
    (main,) = [each for each in pod["containers"] if each["name"] == "bucket"]
    return main["command"]


BEGINNING = ["qudag-mcp-server", "restore", "--config", "/etc/qudag/backup.toml"]


@pytest.mark.parametrize(
    ("wanted", "arguments"),
    [
        (Wanted(), []),
        (Wanted(listing=True), ["--list"]),
        (
            Wanted(before="2026-11-29T02:00:00Z", database="restored"),
            ["--before", "2026-11-29T02:00:00Z", "--database", "restored"],
        ),
        (Wanted(replace=True), ["--replace"]),
    ],
)
def test_the_job_has_the_drills_pods_with_other_arguments(wanted: Wanted, arguments: list[str]):
    assert command(wanted) == [*BEGINNING, *arguments]
    made = job_of(drill(), wanted, NOW)
    was = drill()["spec"]["jobTemplate"]["spec"]["template"]
    pod = made["spec"]["template"]
    assert pod["metadata"] == was["metadata"]
    assert pod["spec"]["volumes"] == was["spec"]["volumes"]
    assert pod["spec"]["containers"][1] == was["spec"]["containers"][1]


def test_the_command_looks_for_the_drill_of_the_component():
    assert database_restore.DRILL == DRILL


def test_the_job_tries_once_and_is_deleted_after_a_day():
    made = job_of(drill(), Wanted(), NOW)
    assert made["spec"]["backoffLimit"] == 0
    assert made["spec"]["ttlSecondsAfterFinished"] == 86_400
    assert made["metadata"]["name"] == "restore-20261129-023015"
    assert made["metadata"]["labels"][LABEL] == "true"


def test_up_does_not_delete_the_job():
    labelled = drill()
    labelled["metadata"]["labels"] = {"app": "x", "applyset.kubernetes.io/part-of": "stack"}
    assert job_of(labelled, Wanted(), NOW)["metadata"]["labels"] == {"app": "x", LABEL: "true"}


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (Wanted(before="yesterday"), "--before"),
        (Wanted(before="2026-11-29T02:00:00"), "--before"),
        (Wanted(listing=True, replace=True), "--list"),
    ],
)
def test_what_cannot_be_done_is_refused(wanted: Wanted, path: str):
    assert [problem.path for problem in wanted.problems()] == [path]
