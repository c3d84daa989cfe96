"""Job and CronJob: hardened pods that end by themselves, one at a time, with a bounded history."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base.problems import ProblemReport
from components.kubernetes.container import Claim, Container, Files, SecretFiles
from components.kubernetes.job import CronJob, CronJobArgs, Job, JobArgs
from components.kubernetes.schedule import MACROS, is_time_zone, schedule_problem
from components.kubernetes.workload import Workload
from tests.harness import ResourceGraph, record
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import NAMESPACE, container, workload

FILES = Files(name="backup-script", path="/etc/backup", content={"run.sh": "pg_dump"})


def program(**changes: Any) -> Container:
    given: dict[str, Any] = {
        "name": "backup",
        "ports": (),
        "files": [FILES],
        "secrets": [SecretFiles(secret="passwords", path="/etc/secrets", keys=["password"])],
    }
    return container(**given | changes)


def job(name: str = "backup", **changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {
        "namespace": NAMESPACE,
        "component": "backup",
        "containers": [program()],
    }
    return record(lambda: Job(name, JobArgs(**given | changes)))


def cron(name: str = "backup", **changes: Any) -> ResourceGraph:
    given: dict[str, Any] = {
        "namespace": NAMESPACE,
        "component": "backup",
        "containers": [program()],
        "schedule": "30 3 * * *",
    }
    return record(lambda: CronJob(name, CronJobArgs(**given | changes)))


def spec_of(graph: ResourceGraph, kind: str) -> dict[str, Any]:
    (found,) = objects(graph, kind)
    return found["spec"]


def pod_of(graph: ResourceGraph) -> dict[str, Any]:
    """The pod template of the one Job or CronJob."""
    for made in objects(graph, "CronJob"):
        return made["spec"]["jobTemplate"]["spec"]["template"]
    return spec_of(graph, "Job")["template"]


def refusal(graph: Any, **changes: Any) -> list[str]:
    with pytest.raises(ProblemReport) as report:
        graph(**changes)
    return [problem.path for problem in report.value.problems]


each_kind = pytest.mark.parametrize("graph", [job, cron], ids=["Job", "CronJob"])


@each_kind
def test_its_pods_are_as_hardened_as_those_of_a_workload(graph: Any):
    made = pod_of(graph())
    (server,) = objects(record(lambda: Workload("backup", workload(program_port()))), "Deployment")
    serving = server["spec"]["template"]
    for field in ("securityContext", "automountServiceAccountToken", "enableServiceLinks"):
        assert made["spec"][field] == serving["spec"][field]
    contexts = [c["securityContext"] for c in made["spec"]["containers"]]
    assert contexts == [c["securityContext"] for c in serving["spec"]["containers"]]
    assert made["metadata"]["labels"]["app"] == "backup"


def program_port() -> Container:
    return container(name="backup")


@each_kind
def test_a_job_has_a_service_account_without_a_mounted_token(graph: Any):
    made = graph()
    (account,) = objects(made, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert pod_of(made)["spec"]["serviceAccountName"] == account["metadata"]["name"] == "backup-sa"


@each_kind
def test_its_files_are_made_and_its_secrets_are_only_named(graph: Any):
    made = graph()
    (files,) = objects(made, "ConfigMap")
    assert files["data"] == {"run.sh": "pg_dump"}
    sources = {v["name"]: v for v in pod_of(made)["spec"]["volumes"]}
    assert sources["backup-script"]["configMap"] == {"name": files["metadata"]["name"]}
    assert sources["backup-etc-secrets"]["secret"]["secretName"] == "passwords"
    assert objects(made, "Secret") == []


@each_kind
def test_a_job_has_a_deadline_and_a_retry_limit(graph: Any):
    made = graph(deadline=120, retries=2)
    spec = made.all("kubernetes:batch/v1:Job")
    bounds = spec[0].inputs["spec"] if spec else spec_of(made, "CronJob")["jobTemplate"]["spec"]
    assert (bounds["activeDeadlineSeconds"], bounds["backoffLimit"]) == (120, 2)
    assert pod_of(made)["spec"]["restartPolicy"] == "Never"


@each_kind
def test_storage_and_a_name_without_room_for_a_suffix_are_refused(graph: Any):
    stored = program(claims=[Claim(name="data", path="/data", size="1Gi")])
    long = "b" * 53
    name, containers = refusal(graph, containers=[stored], name=long)
    assert long in name
    assert containers == f"{long}.containers"
    graph(name="b" * 52)


def test_each_version_of_a_jobs_pods_is_a_job_of_its_own():
    def name(**changes: Any) -> str:
        (made,) = objects(job(**changes), "Job")
        return made["metadata"]["name"]

    assert name() == name(deadline=1)  # its pods are the same
    changed = Files(name="backup-script", path="/etc/backup", content={"run.sh": "pg_dumpall"})
    names = {
        name(),
        name(containers=[program(image="example.com/server:2")]),
        name(containers=[program(files=[changed])]),
    }
    assert len(names) == 3
    assert all(len(one) <= 63 and one.startswith("backup-") for one in names)


def test_a_cron_job_keeps_its_name_when_its_pods_change():
    names = {
        objects(cron(containers=[program(image=f"example.com/server:{n}")]), "CronJob")[0][
            "metadata"
        ]["name"]
        for n in (1, 2)
    }
    assert names == {"backup"}


def test_runs_do_not_overlap_and_what_has_ended_does_not_pile_up():
    spec = spec_of(cron(), "CronJob")
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["timeZone"] == "Etc/UTC"
    assert 10 <= spec["startingDeadlineSeconds"] <= 3600
    assert 0 < spec["successfulJobsHistoryLimit"] <= 3
    assert 0 < spec["failedJobsHistoryLimit"] <= 3
    assert spec["suspend"] is False


def test_all_wrong_fields_of_a_cron_job_are_reported_at_once():
    wrong = {"schedule": "61 * * * *", "time_zone": "Mars/Olympus", "starting_deadline": 5}
    assert sorted(refusal(cron, **wrong)) == sorted(f"backup.{field}" for field in wrong)


@pytest.mark.parametrize(
    "schedule",
    [
        *sorted(MACROS),
        "* * * * *",
        "*/15 0-6,22 1,15 JAN-mar mon-FRI",
        "59 23 31 12 6",
        "0 0 ? * 1/2",
        "@every 1h30m",
    ],
)
def test_a_schedule_of_kubernetes_is_accepted(schedule: str):
    assert schedule_problem(schedule) is None


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("0 0 * * * *", "6 fields"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * * 7", "day of week"),
        ("* * * * funday", "day of week"),
        ("30-10 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("1,, * * * *", "minute"),
        ("TZ=UTC 0 0 * * *", "time zone"),
        ("@noon", "1 fields"),
        ("@every soon", "2 fields"),
    ],
)
def test_another_schedule_is_refused_with_the_wrong_field(schedule: str, named: str):
    assert named in (schedule_problem(schedule) or "")


@given(st.text(max_size=30))
def test_no_schedule_breaks_its_reader(schedule: str):
    assert schedule_problem(schedule) is None or schedule_problem(schedule)


@pytest.mark.parametrize("zone", ["Etc/UTC", "Europe/Berlin", "America/Argentina/Ushuaia"])
def test_a_zone_of_the_database_is_a_time_zone(zone: str):
    assert is_time_zone(zone)


@pytest.mark.parametrize("zone", ["", "Local", "Europe/Atlantis", "../etc/passwd", "+02:00"])
def test_anything_else_is_no_time_zone(zone: str):
    assert not is_time_zone(zone)
