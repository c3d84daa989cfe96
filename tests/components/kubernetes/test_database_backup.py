"""DatabaseBackup: two jobs that share a directory, each with its own role and no other rights."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.backup_storage import BackupStorage
from components.kubernetes.database_backup import (
    BACKUP,
    DRILL,
    DatabaseBackup,
    DatabaseBackupArgs,
)
from policies import broken_policies
from runtime.backup_config import BackupConfig
from tests.harness import ResourceGraph, record
from tests.harness.component_cases import CASES
from tests.harness.graph_queries import objects

ARGS: DatabaseBackupArgs = CASES["DatabaseBackup"][1]
CRON_JOB = "CronJob"


def graph(**changes: Any) -> ResourceGraph:
    return record(lambda: DatabaseBackup("backup", replace(ARGS, **changes)))


def job(made: ResourceGraph, name: str) -> dict[str, Any]:
    found = {each["metadata"]["name"]: each for each in objects(made, CRON_JOB)}
    return found[name]["spec"]


def containers(made: ResourceGraph, name: str) -> dict[str, dict[str, Any]]:
    spec = job(made, name)["jobTemplate"]["spec"]["template"]["spec"]
    return {each["name"]: each for each in spec["containers"]}


def config(made: ResourceGraph, name: str) -> dict[str, Any]:
    maps = {each["metadata"]["name"]: each for each in objects(made, "ConfigMap")}
    return tomllib.loads(maps[f"{name}-config"]["data"]["backup.toml"])


def test_every_policy_rule_passes():
    assert broken_policies(graph()) == []


@pytest.mark.parametrize(("name", "role"), [(BACKUP, "backup"), (DRILL, "restore")])
def test_the_server_accepts_the_configuration(name: str, role: str):
    found = BackupConfig.model_validate(config(graph(), name))
    assert found.database.user == f"qudag_{role}"
    assert str(found.database.password_file) == f"/etc/secrets/{role}-password"
    assert found.backup.stack == "qudag-mcp-prod"
    assert found.backup.max_age_minutes == ARGS.max_age_minutes


@pytest.mark.parametrize(("name", "role"), [(BACKUP, "backup"), (DRILL, "restore")])
def test_both_containers_log_in_as_the_same_role_over_verified_tls(name: str, role: str):
    tool = containers(graph(), name)["postgres"]
    variables = {each["name"]: each.get("value") for each in tool["env"]}
    assert variables["PGUSER"] == f"qudag_{role}"
    assert variables["PGSSLMODE"] == "verify-full"
    assert variables["PASSWORD_FILE"] == f"/etc/secrets/{role}-password"
    template = job(graph(), name)["jobTemplate"]["spec"]["template"]["spec"]
    keys = {
        item["key"]
        for volume in template["volumes"]
        for item in volume.get("secret", {}).get("items", ())
    }
    assert keys == {f"{role}-password", "ca.crt", "access-key", "secret-key"}


def test_the_containers_share_one_directory_of_the_size_of_the_dump():
    made = graph(size="20Gi")
    template = job(made, BACKUP)["jobTemplate"]["spec"]["template"]["spec"]
    shared = [each for each in template["volumes"] if each["name"] == "shared-work"]
    assert shared == [{"name": "shared-work", "emptyDir": {"sizeLimit": "20Gi"}}]
    for each in containers(made, BACKUP).values():
        assert {"name": "shared-work", "mountPath": "/work"} in each["volumeMounts"]
        assert each["resources"]["limits"]["ephemeral-storage"] == "20Gi"


def test_only_the_server_reads_the_key_of_the_bucket():
    mounted = {
        name: {mount["mountPath"] for mount in each["volumeMounts"]}
        for name, each in containers(graph(), BACKUP).items()
    }
    assert "/etc/bucket" in mounted["bucket"]
    assert "/etc/bucket" not in mounted["postgres"]


def test_without_a_drill_there_is_one_job():
    names = [each["metadata"]["name"] for each in objects(graph(drill=None), CRON_JOB)]
    assert names == [BACKUP]


def test_the_schedules_are_those_of_the_args():
    made = graph(schedule="15 1 * * *", drill="@weekly")
    assert job(made, BACKUP)["schedule"] == "15 1 * * *"
    assert job(made, DRILL)["schedule"] == "@weekly"


def test_an_endpoint_for_another_bucket_than_of_s3_is_refused():
    with pytest.raises(ProblemReport, match="it is the endpoint of a service with the API of S3"):
        graph(storage=BackupStorage(url="gs://qudag-backups", endpoint="https://s3.example.com"))
