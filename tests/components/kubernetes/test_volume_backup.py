"""VolumeBackup: one job reads the volumes, the other reads the bucket alone."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.kubernetes.volume_backup import BACKUP, DRILL, VolumeBackup, VolumeBackupArgs
from policies import broken_policies
from runtime.volume_config import VolumeBackupConfig
from tests.harness import ResourceGraph, record
from tests.harness.component_cases import CASES
from tests.harness.graph_queries import objects

ARGS: VolumeBackupArgs = CASES["VolumeBackup"][1]


def graph(**changes: Any) -> ResourceGraph:
    return record(lambda: VolumeBackup("volumes", replace(ARGS, **changes)))


def pod(made: ResourceGraph, name: str) -> dict[str, Any]:
    found = {each["metadata"]["name"]: each["spec"] for each in objects(made, "CronJob")}
    return found[name]["jobTemplate"]["spec"]["template"]["spec"]


def claims(made: ResourceGraph, name: str) -> set[str]:
    found = (each.get("persistentVolumeClaim") for each in pod(made, name)["volumes"])
    return {each["claimName"] for each in found if each}


def test_every_policy_rule_passes():
    assert broken_policies(graph()) == []


@pytest.mark.parametrize("name", [BACKUP, DRILL])
def test_the_server_accepts_the_configuration(name: str):
    made = graph(volumes=["models", "data"])
    maps = {each["metadata"]["name"]: each["data"] for each in objects(made, "ConfigMap")}
    content = tomllib.loads(maps[f"{name}-config"]["volumes.toml"])
    found = VolumeBackupConfig.model_validate(content)
    assert found.volumes == {n: Path(f"/volumes/{n}") for n in ("models", "data")}
    assert found.backup.max_age_minutes == ARGS.max_age_minutes
    assert str(found.backup.access_key_file) == "/etc/bucket/access-key"


@pytest.mark.parametrize(("name", "role"), [(BACKUP, "backup"), (DRILL, "restore")])
def test_each_job_records_its_results_with_the_role_of_its_kind(name: str, role: str):
    maps = {each["metadata"]["name"]: each["data"] for each in objects(graph(), "ConfigMap")}
    content = tomllib.loads(maps[f"{name}-config"]["volumes.toml"])
    database = VolumeBackupConfig.model_validate(content).database
    assert database is not None
    assert (database.host, database.user) == ("postgres-service", f"qudag_{role}")
    (main,) = pod(graph(), name)["containers"]
    mounts = {each["name"]: each["mountPath"] for each in main["volumeMounts"]}
    files = {
        f"{mounts[volume['name']]}/{item['path']}"
        for volume in pod(graph(), name)["volumes"]
        for item in volume.get("secret", {}).get("items", ())
    }
    assert {str(database.password_file), str(database.ca_file)} <= files
    assert str(database.password_file).endswith(f"/{role}-password")


def test_without_a_database_no_password_of_it_is_mounted():
    maps = {
        each["metadata"]["name"]: each["data"] for each in objects(graph(results=None), "ConfigMap")
    }
    assert "database" not in tomllib.loads(maps[f"{DRILL}-config"]["volumes.toml"])
    assert "mcp-server-secrets" not in str(pod(graph(results=None), DRILL))


def test_the_backup_reads_the_volumes_and_writes_none():
    made = graph(volumes=["models", "data"])
    assert claims(made, BACKUP) == {"models", "data"}
    (main,) = pod(made, BACKUP)["containers"]
    mounts = {each["mountPath"]: each for each in main["volumeMounts"]}
    assert {path for path in mounts if path.startswith("/volumes/")} == {
        "/volumes/models",
        "/volumes/data",
    }
    assert all(mounts[f"/volumes/{name}"]["readOnly"] for name in ("models", "data"))


def test_the_drill_mounts_no_volume():
    assert claims(graph(), DRILL) == set()


def test_without_a_drill_there_is_one_job():
    names = [each["metadata"]["name"] for each in objects(graph(drill=None), "CronJob")]
    assert names == [BACKUP]
