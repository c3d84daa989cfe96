"""The audit log of a stack on real pods: a row for each call, kept and verified by its jobs."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Final

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.audit_keeper import AUDIT_KEEPER
from delivery.mcp_client import Era, connected
from tests.harness.deployed_platform import ROOT, Platform, stack_options, verb
from tests.harness.example_stacks import Running, running
from tests.harness.server import until

STACK: Final = ROOT / "tests/e2e/audit/Pulumi.audited.yaml"
CALLS: Final = 100
WRITER: Final = "qudag_audit"


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    with running(STACK, tmp_path_factory.mktemp("audited")) as stack:
        yield stack


def sql(platform: Platform, *statements: str) -> str:
    """What the database answers to its administrator, in its pod; fails if it refuses."""
    (pod,) = platform.pods("postgres")
    asked = [word for one in statements for word in ("--command", one)]
    return platform.run_in(
        pod,
        *("psql", "--no-psqlrc", "--host=/tmp", "--username=postgres", "--dbname=qudag_mcp"),
        *("--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--quiet", *asked),
    ).strip()


def verified(stack: Running) -> tuple[int, str]:
    ran = verb("audit", "verify", *stack_options(stack.stack))
    return ran.status, ran.out + ran.err


async def test_each_answered_call_has_one_row(audited: Running):
    platform = audited.platform
    async with connected(platform.endpoint(subject="ada"), Era.MODERN) as client:
        began = time.monotonic()
        for number in range(CALLS):
            result = await client.call_tool("echo", {"text": str(number)})
            assert not result.is_error
        seconds = time.monotonic() - began
    calls = "FROM audit.log WHERE event = 'call' AND name = 'echo' AND subject = 'ada'"
    assert sql(platform, f"SELECT count(*), count(DISTINCT call_id) {calls}") == f"{CALLS}|{CALLS}"
    print(f"{CALLS} calls in {seconds:.1f} s, each with its row")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit.log SET subject = 'bob'",
        "DELETE FROM audit.log",
        "TRUNCATE audit.log",
        "ALTER TABLE audit.log DISABLE TRIGGER ALL",
        "SELECT subject FROM audit.log",
        "INSERT INTO audit.log (seq, event, call_id, server) VALUES (1, 'call', 'x', 'y')",
    ],
)
def test_the_role_that_writes_may_do_nothing_else(audited: Running, statement: str):
    with pytest.raises(ProblemReport, match=r"permission denied|must be owner"):
        sql(audited.platform, f"SET ROLE {WRITER}", statement)


def test_the_log_is_verified_in_the_cluster_and_by_its_own_job(audited: Running):
    status, said = verified(audited)
    assert status == 0, said
    kubectl, namespace = audited.platform.kubectl, audited.platform.namespace
    kubectl.must("create", "job", "keep-now", f"--from=cronjob/{AUDIT_KEEPER}", f"-n={namespace}")

    def ended() -> str:
        (job,) = kubectl.objects("job", "keep-now", f"-n={namespace}")
        return next((c["type"] for c in job["status"].get("conditions", [])), "")

    assert until(ended, within_seconds=120) in ("Complete", "SuccessCriteriaMet")
    assert sql(audited.platform, "SELECT passed FROM audit.results WHERE kind = 'verified'") == "t"


def test_a_row_that_an_administrator_changes_is_found(audited: Running):
    sql(
        audited.platform,
        "SET session_replication_role = replica",
        "UPDATE audit.log SET subject = 'bob' WHERE seq = 7",
    )
    status, said = verified(audited)
    assert status == 1
    assert "row 7" in said
