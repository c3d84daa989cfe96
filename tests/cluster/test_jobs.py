"""A Job and a CronJob of the components are admitted by a real API server, and stay as applied."""

from __future__ import annotations

import json

import pytest

from components.kubernetes.container import Files, SecretFiles
from components.kubernetes.job import CronJob, CronJobArgs, Job, JobArgs
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from tests.harness.apiserver import ApiServer, documents
from tests.harness.minimal_args import container

NAMESPACE = "jobs-of-components"
FILES = Files(name="backup-script", path="/etc/backup", content={"run.sh": "true"})


def program() -> None:
    run = container(
        name="backup",
        ports=(),
        files=[FILES],
        secrets=[SecretFiles(secret="passwords", path="/etc/secrets", keys=["password"])],
    )
    LockedNamespace("jobs", LockedNamespaceArgs(name=NAMESPACE))
    Job("once", JobArgs(namespace=NAMESPACE, component="backup", containers=[run]))
    CronJob(
        "nightly",
        CronJobArgs(
            namespace=NAMESPACE,
            component="backup",
            containers=[container(name="backup", ports=())],
            schedule="*/5 0-6 1,15 jan-mar mon",
            time_zone="Europe/Berlin",
        ),
    )


@pytest.fixture(scope="module")
def applied(api_server: ApiServer) -> ApiServer:
    first = api_server.apply(documents(program))
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    return api_server


def test_they_are_admitted_under_the_restricted_standard(applied: ApiServer):
    found = applied.kubectl("-n", NAMESPACE, "get", "jobs,cronjobs", "-o", "json")
    made = {one["kind"]: one for one in json.loads(found.stdout)["items"]}
    assert made["CronJob"]["spec"]["timeZone"] == "Europe/Berlin"
    assert made["CronJob"]["spec"]["concurrencyPolicy"] == "Forbid"
    assert made["Job"]["metadata"]["name"].startswith("once-")


def test_a_second_apply_changes_nothing(applied: ApiServer):
    assert applied.differences(documents(program)) == ""


@pytest.mark.parametrize("schedule", ["60 * * * *", "* * * * funday", "TZ=UTC 0 0 * * *"])
def test_a_schedule_that_the_component_refuses_is_refused_by_the_api_server(
    applied: ApiServer, schedule: str
):
    changed = documents(program).replace("*/5 0-6 1,15 jan-mar mon", schedule)
    assert schedule in changed
    refused = applied.apply(changed)
    assert refused.returncode != 0
    assert "spec.schedule" in refused.stderr
