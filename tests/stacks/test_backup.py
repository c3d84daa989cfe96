"""The section `backup`: jobs, their flows, and the Secrets that must exist."""

from __future__ import annotations

from typing import Any

import pytest

from components.kubernetes import volume_backup
from components.kubernetes.database_backup import BACKUP, DRILL
from components.kubernetes.party import Outside
from policies import broken_policies
from stacks.backup import BUCKET
from stacks.config.stack import StackConfig
from stacks.config.validation import validate
from stacks.flow_args import flow_args
from stacks.placement import placement
from stacks.required_secrets import required_secrets
from stacks.rules.capacity import manifests
from stacks.services import topology
from stacks.topologies.topology import POSTGRES
from tests.harness.user_servers import NETWORK, recorded
from tests.invalid.cases import changed

SECTION: dict[str, Any] = {
    "bucket": {
        "url": "s3://qudag-backups/dev",
        "endpoint": "https://s3.example.com:9000",
        "key": "backup-bucket",
        "networks": ["10.60.1.0/24"],
    },
}


def config(**changes: Any) -> StackConfig:
    raw = changed("dev", {"topology": "microservices"}, drop=("scaling",))
    return validate(raw | {"backup": SECTION | changes}, stack="dev")


def test_the_jobs_reach_the_database_and_the_bucket_and_nothing_else():
    chosen = config()
    made = flow_args(chosen, topology(chosen), placement(chosen).namespace, "ns")
    assert Outside(name=BUCKET, cidrs=["10.60.1.0/24"]) in made.outsides
    flows = {(f.source, f.target, f.port) for f in made.flows if f.source in (BACKUP, DRILL)}
    assert flows == {
        (job, *to) for job in (BACKUP, DRILL) for to in ((POSTGRES, 5432), (BUCKET, 9000))
    }
    assert not [flow for flow in made.flows if flow.target in (BACKUP, DRILL)]


def test_the_passwords_of_the_roles_and_the_key_of_the_bucket_must_exist():
    secrets = {one["name"]: one for one in required_secrets(config())}
    keys = secrets["mcp-server-secrets"]["keys"]
    assert {"backup-password", "restore-password"} <= set(keys)
    assert secrets["mcp-server-secrets"]["kind"] == "passwords"
    assert secrets["backup-bucket"]["keys"] == ["access-key", "secret-key"]
    assert secrets["backup-bucket"]["kind"] == "given"


def test_without_the_section_nothing_of_it_is_there():
    raw = changed("dev", {"topology": "microservices"}, drop=("scaling",))
    chosen = validate(raw, stack="dev")
    assert not {BACKUP, DRILL} & set(topology(chosen).workloads)
    assert not [m for m in manifests(chosen) if m.kind == "CronJob"]
    keys = {key for one in required_secrets(chosen) for key in one["keys"]}
    assert not {"backup-password", "restore-password"} & keys


def test_without_a_drill_the_quota_counts_one_job():
    jobs = [m.metadata["name"] for m in manifests(config(drill=None)) if m.kind == "CronJob"]
    assert jobs == [BACKUP]
    assert DRILL not in topology(config(drill=None)).workloads


VOLUMES: dict[str, Any] = {
    "data": {"volumes": {"models": {"size": "1Gi"}, "uploads": {"size": "1Gi"}}},
    "servers": {
        "files": {
            "image": "ghcr.io/acme/files:1",
            "port": 8080,
            "volumes": {"models": "/models", "uploads": "/uploads"},
        }
    },
}


def with_volumes(**changes: Any) -> StackConfig:
    raw = changed("dev", {"topology": "microservices"}, drop=("scaling",))
    return validate(raw | VOLUMES | {"backup": SECTION | changes}, stack="dev")


def claims_of(config: StackConfig) -> dict[str, set[str]]:
    """The claims that each CronJob mounts."""
    return {
        m.metadata["name"]: {
            each["persistentVolumeClaim"]["claimName"]
            for each in m.fields["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
            if "persistentVolumeClaim" in each
        }
        for m in manifests(config)
        if m.kind == "CronJob"
    }


def test_all_volumes_are_backed_up_unless_some_are_named():
    assert claims_of(with_volumes())[volume_backup.BACKUP] == {"models", "uploads"}
    assert claims_of(with_volumes(volumes=["models"]))[volume_backup.BACKUP] == {"models"}
    assert [*claims_of(with_volumes(volumes=[]))] == [BACKUP, DRILL]


def test_the_jobs_of_volumes_reach_the_bucket_and_the_embedded_database():
    chosen = with_volumes()
    made = flow_args(chosen, topology(chosen), placement(chosen).namespace, "ns")
    jobs = (volume_backup.BACKUP, volume_backup.DRILL)
    assert {*jobs} <= {*made.workloads}
    flows = {(f.source, f.target, f.port) for f in made.flows if f.source in jobs}
    reached = ((BUCKET, 9000), (POSTGRES, 5432))
    assert flows == {(job, *to) for job in jobs for to in reached}


def test_volumes_of_a_stack_with_another_database_are_backed_up():
    external = {
        "kind": "external",
        "external": {
            "host": "db.example.com",
            "password": {"secret": "db", "key": "password"},
            "ca": {"secret": "db", "key": "ca.crt"},
            "networks": ["10.50.1.0/24"],
        },
        **VOLUMES["data"],
    }
    raw = changed("dev", {"topology": "microservices"}, drop=("scaling",))
    chosen = validate(raw | VOLUMES | {"data": external, "backup": SECTION}, stack="dev")
    assert [*claims_of(chosen)] == [volume_backup.BACKUP, volume_backup.DRILL]
    keys = {key for one in required_secrets(chosen) for key in one["keys"]}
    assert not {"backup-password", "restore-password"} & keys
    assert "access-key" in keys


@pytest.mark.slow
def test_every_policy_rule_passes_for_a_stack_with_backups_of_volumes():
    raw = {"topology": "three-services", "network": NETWORK, "backup": SECTION}
    graph = recorded(raw | VOLUMES)
    assert broken_policies(graph) == []
    made = [one.name for one in graph.all("kubernetes:batch/v1:CronJob")]
    assert [name for name in made if "volume" in name]


@pytest.mark.slow
def test_every_policy_rule_passes_for_a_stack_with_backups():
    graph = recorded({"topology": "three-services", "network": NETWORK, "backup": SECTION})
    assert broken_policies(graph) == []


@pytest.mark.slow
@pytest.mark.parametrize(("size", "largest"), [("1Gi", 4), ("10Gi", 10), ("200Gi", 200)])
def test_the_namespace_admits_the_disk_that_a_dump_needs(size: str, largest: int):
    raw = {"topology": "three-services", "network": NETWORK, "backup": SECTION | {"size": size}}
    made = recorded(raw)
    (limits,) = (one for one in made.resources if one.type == "kubernetes:core/v1:LimitRange")
    (bounds,) = limits.inputs["spec"]["limits"]
    assert bounds["max"]["ephemeral-storage"] == f"{largest}Gi"
