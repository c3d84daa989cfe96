"""A restore runs the drill's job with other arguments, and refuses what it cannot do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from components.kubernetes import backup_storage, volume_backup
from components.kubernetes.database_backup import DRILL, DatabaseBackup
from components.kubernetes.volume_backup import VolumeBackup
from delivery import database_restore
from delivery.database_restore import LABEL, Wanted, job_of
from tests.components.kubernetes.test_database_backup import ARGS
from tests.harness.component_cases import CASES

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


def test_the_command_looks_for_the_drills_of_the_components():
    assert database_restore.DRILL == DRILL
    assert database_restore.VOLUME_DRILL == volume_backup.DRILL
    assert database_restore.VOLUMES == volume_backup.VOLUMES
    assert database_restore.MAIN == backup_storage.MAIN


def volume_job(wanted: Wanted) -> dict[str, Any]:
    (found,) = [
        each
        for each in VolumeBackup.manifests("volumes", CASES["VolumeBackup"][1])
        if each.kind == "CronJob" and each.metadata["name"] == volume_backup.DRILL
    ]
    made = job_of({"metadata": dict(found.metadata), **found.fields}, wanted, NOW)
    return made["spec"]["template"]["spec"]


def test_a_restore_of_a_volume_mounts_it_to_write():
    wanted = Wanted(volume="models", before="2026-11-29T02:00:00Z", replace=True)
    pod = volume_job(wanted)
    (main,) = pod["containers"]
    assert main["command"] == [
        *("qudag-mcp-server", "restore-volume", "--config", "/etc/qudag/volumes.toml"),
        *("models", "--before", "2026-11-29T02:00:00Z", "--replace"),
    ]
    claim = {"claimName": "models"}
    assert {"name": "claim-models", "persistentVolumeClaim": claim} in pod["volumes"]
    mounts = {each["mountPath"]: each for each in main["volumeMounts"]}
    assert not mounts["/volumes/models"].get("readOnly")


def test_a_listing_of_a_volumes_backups_mounts_nothing():
    pod = volume_job(Wanted(volume="models", listing=True))
    assert pod["containers"][0]["command"][-2:] == ["models", "--list"]
    assert not [each for each in pod["volumes"] if "persistentVolumeClaim" in each]


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
        (Wanted(volume="models", database="restored"), "--database"),
    ],
)
def test_what_cannot_be_done_is_refused(wanted: Wanted, path: str):
    assert [problem.path for problem in wanted.problems()] == [path]
