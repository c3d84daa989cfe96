"""The section `backup`: jobs, their flows, and the Secrets that must exist."""

from __future__ import annotations

from typing import Any

import pytest

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
