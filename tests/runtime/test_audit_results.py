"""Servers export what the audit log's job has found."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from components.mcp.metrics import exported_by
from runtime.audit_chain import ChainError
from tests.harness.audit_log import AuditLog, with_roles
from tests.harness.exported_metrics import listed, scraped, value
from tests.harness.postgres import HOW_TO_GET, binaries, postgres
from tests.harness.server import fetch, serving, until
from tests.harness.tokens import Issuer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
]
OURS = exported_by("audit_results")


@pytest.fixture(scope="module")
def log() -> Generator[AuditLog]:
    with postgres() as database:
        yield with_roles(database)


def scrape(tmp_path: Path, issuer: Issuer, log: AuditLog) -> str:
    """The metrics of a server after its first check of the database."""
    up = 'mcp_dependency_up{dependency="audit"} 1.0'
    with serving(tmp_path, issuer, audit=log.section()) as server:
        until(lambda: up in fetch(server.metrics_url).text, within_seconds=30)
        return fetch(server.metrics_url).text


def insert(log: AuditLog, call: str) -> None:
    log.change(
        "SET session_replication_role = origin",
        f"INSERT INTO audit.log (event, call_id, server) VALUES ('call', '{call}', 's')",
    )


def test_the_results_of_the_job_become_metrics(tmp_path: Path, issuer: Issuer, log: AuditLog):
    assert not OURS.keys() & scraped(scrape(tmp_path, issuer, log)).keys()  # it has not run yet
    insert(log, "a")
    insert(log, "b")
    log.keeper().keep()
    log.change(
        "INSERT INTO audit.results (kind, passed, passed_at) VALUES ('exported', true, now())",
        "UPDATE audit.results SET passed_at = passed_at - interval '1 day'",
    )
    text = scrape(tmp_path, issuer, log)
    found = scraped(text)
    assert {name: found[name] for name in OURS} == listed(OURS)
    assert value(text, "mcp_audit_verified") == 1
    assert 86_400 <= value(text, "mcp_audit_verified_age_seconds") < 86_700
    log.change("UPDATE audit.log SET subject = 'x' WHERE seq = 1")
    with pytest.raises(ChainError, match="row 1 was changed"):
        log.keeper().keep()
    text = scrape(tmp_path, issuer, log)
    assert value(text, "mcp_audit_verified") == 0
    assert 86_400 <= value(text, "mcp_audit_verified_age_seconds") < 86_700


def test_a_server_works_with_a_log_of_an_earlier_version(
    tmp_path: Path, issuer: Issuer, log: AuditLog
):
    log.change("DROP TABLE audit.results")
    assert not OURS.keys() & scraped(scrape(tmp_path, issuer, log)).keys()
