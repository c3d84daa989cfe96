"""A real API server admits the job of a restore; one restore runs at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.database_backup import DRILL, DatabaseBackup
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from delivery.database_restore import LABEL, DatabaseRestore, Wanted
from delivery.kubectl import Kubectl
from tests.components.kubernetes.test_database_backup import ARGS
from tests.harness.apiserver import ApiServer, documents
from tests.harness.server import until

NAMESPACE = "restores-of-a-stack"


def program() -> None:
    LockedNamespace("restores", LockedNamespaceArgs(name=NAMESPACE))
    DatabaseBackup("backup", replace(ARGS, namespace=NAMESPACE))


@pytest.fixture
def restores(api_server: ApiServer, kubectl: Kubectl) -> Iterator[DatabaseRestore]:
    done = api_server.apply(documents(program))
    assert done.returncode == 0, done.stderr
    yield DatabaseRestore(kubectl, NAMESPACE)
    kubectl.must("delete", "jobs", f"--selector={LABEL}", "--namespace", NAMESPACE)


def jobs(restores: DatabaseRestore) -> list[dict[str, Any]]:
    return restores.kubectl.objects("jobs", f"--selector={LABEL}", "--namespace", NAMESPACE)


def end(restores: DatabaseRestore, name: str, phase: str) -> None:
    """Say what the kubelet would; the Job controller does the rest."""
    here = ("--namespace", NAMESPACE)
    selector = f"--selector=batch.kubernetes.io/job-name={name}"
    until(lambda: restores.kubectl.objects("pods", selector, *here), within_seconds=60)
    (pod,) = restores.kubectl.objects("pods", selector, *here)
    restores.kubectl.must(
        *("patch", f"pod/{pod['metadata']['name']}", *here, "--subresource=status"),
        *("--type=merge", "-p", json.dumps({"status": {"phase": phase}})),
    )


class Running:
    """A restore in a thread, which ends once its job does."""

    def __init__(self, restores: DatabaseRestore, wanted: Wanted) -> None:
        self.said: list[str] = []
        self.error: ProblemReport | None = None
        self.thread = threading.Thread(target=self._run, args=(restores, wanted))
        self.thread.start()

    def _run(self, restores: DatabaseRestore, wanted: Wanted) -> None:
        try:
            restores.run(wanted, self.said.append)
        except ProblemReport as error:
            self.error = error


def test_a_restore_is_admitted_waited_for_and_resumed(restores: DatabaseRestore):
    wanted = Wanted(database="restored")
    first = Running(restores, wanted)
    until(lambda: jobs(restores), within_seconds=60)
    (job,) = jobs(restores)
    with pytest.raises(ProblemReport, match="restores already, with other options"):
        restores.run(Wanted(database="another"), lambda _: None)
    second = Running(restores, wanted)
    until(lambda: second.said, within_seconds=60)
    assert "runs already: waiting for it" in second.said[0]
    assert len(jobs(restores)) == 1
    end(restores, job["metadata"]["name"], "Succeeded")
    for each in (first, second):
        each.thread.join(60)
        assert not each.thread.is_alive()
        assert each.error is None


def test_a_failed_restore_says_where_its_log_is(restores: DatabaseRestore):
    failing = Running(restores, Wanted())
    until(lambda: jobs(restores), within_seconds=60)
    end(restores, jobs(restores)[0]["metadata"]["name"], "Failed")
    failing.thread.join(60)
    assert failing.error is not None
    assert "logs job/restore-" in failing.error.problems[0].fix


def test_the_live_database_is_the_one_of_the_drill(restores: DatabaseRestore):
    assert restores.live_database() == ARGS.database


def test_a_stack_without_backups_is_refused(restores: DatabaseRestore):
    with pytest.raises(ProblemReport, match=f"CronJob/default/{DRILL}: does not exist"):
        DatabaseRestore(restores.kubectl, "default").run(Wanted(), lambda _: None)
