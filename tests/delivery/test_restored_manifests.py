"""The manifests that a job printed are written to a new folder, and nothing else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.base.problems import ProblemReport
from components.kubernetes import database_backup, volume_backup
from components.kubernetes.database_backup import DatabaseBackup
from components.kubernetes.volume_backup import VolumeBackup
from delivery.cli import app
from delivery.database_restore import Wanted, job_of
from delivery.restored_manifests import check_folder, write
from tests.components.kubernetes.test_database_backup import ARGS
from tests.harness.component_cases import CASES

TEXT = "---\nkind: Namespace\n"
NOW = datetime(2026, 11, 29, 2, 30, 15, tzinfo=UTC)


def printed(**changes: Any) -> str:
    content = gzip.compress(TEXT.encode())
    found = {
        "name": "20261129T020003Z",
        "objects": 1,
        "sha256": hashlib.sha256(content).hexdigest(),
        "manifests.yaml.gz": base64.b64encode(content).decode(),
    }
    return json.dumps(found | changes)


def test_the_text_is_written_to_the_folder_and_nothing_is_applied(tmp_path: Path):
    said = write(f"a warning\n{printed()}", tmp_path / "out")
    assert (tmp_path / "out/manifests.yaml").read_text() == TEXT
    assert [*(tmp_path / "out").iterdir()] == [tmp_path / "out/manifests.yaml"]
    assert "nothing was applied" in said


@pytest.mark.parametrize(
    "log",
    ["", "no JSON", "[]", printed()[:-40], printed(sha256="0" * 64), printed(name=None) + "\nx"],
)
def test_a_log_that_is_cut_off_or_changed_writes_nothing(tmp_path: Path, log: str):
    with pytest.raises(ProblemReport):
        write(log, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_is_refused(tmp_path: Path):
    check_folder(tmp_path / "new")
    check_folder(tmp_path)
    (tmp_path / "other.yaml").write_text("kind: Pod\n")
    with pytest.raises(ProblemReport, match="holds files"):
        check_folder(tmp_path)
    with pytest.raises(ProblemReport, match="is a file"):
        check_folder(tmp_path / "other.yaml")


@pytest.mark.parametrize("options", [["--manifests"], ["--manifests", "--list", "--out", "x"]])
def test_the_folder_belongs_to_manifests(options: list[str]):
    outcome = CliRunner().invoke(app, ["restore", *options])
    assert outcome.exit_code == 2
    assert "--out" in outcome.output


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(manifests=True, volume="models"),
        Wanted(manifests=True, database="restored"),
        Wanted(manifests=True, replace=True),
    ],
)
def test_options_of_other_restores_are_refused(wanted: Wanted):
    assert "--manifests" in {problem.path for problem in wanted.problems()}


@pytest.mark.parametrize(
    ("manifests", "drill", "config"),
    [
        (DatabaseBackup.manifests("b", ARGS), database_backup.DRILL, "backup.toml"),
        (
            VolumeBackup.manifests("v", replace(CASES["VolumeBackup"][1])),
            volume_backup.DRILL,
            "volumes.toml",
        ),
    ],
    ids=["database", "volumes"],
)
def test_the_job_of_either_drill_prints_manifests(manifests: Any, drill: str, config: str):
    (found,) = [
        {"metadata": dict(one.metadata), **one.fields}
        for one in manifests
        if one.kind == "CronJob" and one.metadata["name"] == drill
    ]
    wanted = Wanted(manifests=True, before="2026-11-29T02:00:00Z")
    assert drill in wanted.cron_jobs
    pod = job_of(found, wanted, NOW)["spec"]["template"]["spec"]
    (main,) = [one for one in pod["containers"] if one["name"] == "bucket"]
    assert main["command"] == [
        *("qudag-mcp-server", "restore-manifests", "--config", f"/etc/qudag/{config}"),
        *("--before", "2026-11-29T02:00:00Z"),
    ]
