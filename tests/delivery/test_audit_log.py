"""`audit verify` of exported files and of a platform, and passwords that a Secret lacks."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.audit_keeper import AuditKeeperArgs, audit_keeper_job
from components.kubernetes.job import CronJob
from components.mcp.audit_log import AuditOwner
from delivery.audit_log import heads_in, verification, verify_files, verify_in
from delivery.kubectl import Kubectl
from delivery.local_secrets import LABELS, RequiredSecret, create
from delivery.process import Outcome
from runtime.audit_chain import lines_of
from tests.runtime.test_audit_chain import rows

HASH = "ab" * 32


def exported(directory: Path, name: str, found: list[dict[str, Any]]) -> Path:
    file = directory / name
    file.write_text("".join(f"{line}\n" for line in lines_of(found)))
    return file


def test_exported_files_that_follow_each_other_are_checked(tmp_path: Path):
    every = rows(6)
    files = [exported(tmp_path, "1", every[:4]), exported(tmp_path, "2", every[4:])]
    assert "6 rows, from 1 to 6" in verify_files(files, [f"5:{every[4]['hash']}"])
    with pytest.raises(ProblemReport, match="row 5 was replaced"):
        verify_files(files, [f"5:{HASH}"])
    with pytest.raises(ProblemReport, match="rows from 7 to 9 are missing at the end"):
        verify_files(files, [f"9:{HASH}"])
    with pytest.raises(ProblemReport, match="order was changed"):
        verify_files([*files, files[0]], [])
    with pytest.raises(ProblemReport, match="rows up to 4 are missing"):
        verify_files(files[1:], [])


def test_heads_that_are_none_are_refused_together():
    with pytest.raises(ProblemReport) as refused:
        verify_files([], ["7", "x:y"])
    assert len(refused.value.problems) == 2


def test_heads_are_read_from_lines_of_a_log():
    lines = [
        json.dumps({"event": "audit_head", "seq": 7, "hash": HASH}),
        json.dumps({"event": "request", "seq": 9}),
        '{"event": "audit_head", "seq": 8, "ha',
        "text",
    ]
    assert heads_in(lines) == {7: HASH}


def keeper() -> dict[str, Any]:
    """The CronJob as the API server has it."""
    args = AuditKeeperArgs(
        namespace="platform",
        image="ghcr.io/qudag/qudag-mcp-server:1",
        owner=AuditOwner(host="postgres-service"),
        passwords_secret="mcp-server-secrets",
        internal_ca_secret="mcp-internal-ca",
    )
    (made,) = [
        one
        for one in CronJob.manifests("mcp-audit-keeper", audit_keeper_job(args))
        if one.kind == "CronJob"
    ]
    metadata = {"name": "mcp-audit-keeper", "namespace": "platform"}
    return {"metadata": metadata, **json.loads(json.dumps(made.fields))}


@dataclass
class Cluster:
    """Answers of an API server to the commands that are used here."""

    status: int = 0
    said: str = "audit log: 3 rows, from 1 to 3; the last is x"
    there: dict[str, Any] = field(default_factory=dict[str, Any])
    written: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])

    def objects(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        if kind == "pods" and any("job-name" in one for one in arguments):
            state = {"state": {"terminated": {"exitCode": self.status}}}
            return [{"status": {"containerStatuses": [state]}}]
        return self.there.get(kind, [])

    def must(self, *arguments: str, stdin: str | None = None) -> str:
        if arguments[:2] == ("get", "secret"):
            return "\n".join(f"secret/{one['metadata']['name']}" for one in self.there["secret"])
        if stdin is not None:
            self.written.append((arguments[0], json.loads(stdin)))
        return self.said if arguments[0] == "logs" else ""

    def run(self, *arguments: str) -> Outcome:
        said = json.dumps({"event": "audit_head", "seq": 3, "hash": HASH})
        return Outcome(0, said if arguments[1] == "core-1" else "", "")


def writer(name: str, key: str) -> dict[str, Any]:
    secret = {"secret": {"items": [{"key": key}]}}
    return {
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "server"}], "volumes": [secret]},
    }


def checked(cluster: Cluster) -> str:
    return verify_in(cast("Kubectl", cluster), "platform", {9: HASH})


def test_the_job_has_the_pods_of_the_keeper_and_the_rows_that_servers_have_named():
    pods = [writer("core-1", "audit-password"), writer("state-1", "database-password")]
    cluster = Cluster(there={"cronjob": [keeper()], "pods": pods})
    assert checked(cluster).startswith("audit log: 3 rows")
    ((_, job),) = cluster.written
    (container,) = job["spec"]["template"]["spec"]["containers"]
    heads = ["--head", f"3:{HASH}", "--head", f"9:{HASH}"]
    assert container["command"][1:] == [
        *("audit", "verify", "--config", "/etc/qudag/audit.toml"),
        *heads,
    ]
    assert job["metadata"]["namespace"] == "platform"
    assert verification(keeper(), {})["metadata"]["name"] != job["metadata"]["name"]


@pytest.mark.parametrize(
    ("status", "words"), [(3, "the log does not show what happened"), (1, "was not checked")]
)
def test_a_failed_check_is_a_problem_with_the_words_of_the_job(status: int, words: str):
    said = "qudag-mcp-server: the audit log is damaged: row 2 is missing"
    cluster = Cluster(status=status, said=said, there={"cronjob": [keeper()]})
    with pytest.raises(ProblemReport, match=words) as refused:
        checked(cluster)
    assert "row 2 is missing" in str(refused.value)
    assert "qudag-mcp-server" not in str(refused.value)


def test_a_platform_without_an_audit_log_is_refused():
    with pytest.raises(ProblemReport, match=r"audit\.enabled"):
        checked(Cluster())


def test_a_password_that_a_secret_lacks_is_added_and_the_others_stay():
    def made(keys: list[str], **labels: str) -> dict[str, Any]:
        data = {key: base64.b64encode(b"old").decode() for key in keys}
        head = {"name": "passwords", "labels": labels or LABELS}
        return {"kind": "Secret", "metadata": head, "data": data}

    keys = ("database-password", "audit-password")
    wanted, also = (
        RequiredSecret(namespace=namespace, name="passwords", kind="passwords", keys=keys)
        for namespace in ("platform", "data")
    )
    cluster = Cluster(there={"secret": [made(["database-password"])]})
    assert create(cast("Kubectl", cluster), [wanted], ()) == ["Secret/platform/passwords"]
    ((verb, written),) = cluster.written
    assert verb == "replace"
    assert base64.b64decode(written["data"]["database-password"]) == b"old"
    assert len(base64.b64decode(written["data"]["audit-password"])) >= 32
    cluster = Cluster(there={"secret": [made(["database-password", "audit-password"])]})
    assert create(cast("Kubectl", cluster), [wanted], ()) == []
    assert cluster.written == []
    cluster = Cluster(there={"secret": [made(["database-password"])]})
    create(cast("Kubectl", cluster), [wanted, also], ())
    values = {one["data"]["audit-password"] for _, one in cluster.written}
    assert (len(cluster.written), len(values)) == (2, 1)
    of_the_users = Cluster(there={"secret": [made(["database-password"], app="mine")]})
    assert create(cast("Kubectl", of_the_users), [wanted], ()) == []
    assert of_the_users.written == []
