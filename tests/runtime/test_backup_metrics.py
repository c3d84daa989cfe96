"""A server exports the age of the newest backup and the result of the last restore drill."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from components.mcp.metrics import exported_by
from tests.harness.postgres import HOW_TO_GET, Postgres, binaries, postgres
from tests.harness.server import fetch, serving, until
from tests.harness.tokens import Issuer
from tests.runtime.test_exported_metrics import listed, scraped
from tests.runtime.test_memories_table import migrated

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
]
OURS = exported_by("backups")
OF_VOLUMES = exported_by("volumes")


@pytest.fixture(scope="module")
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


def scrape(tmp_path: Path, issuer: Issuer, database: Postgres) -> str:
    """The metrics of a server after its first check of the database."""
    up = 'mcp_dependency_up{dependency="database"} 1.0'
    with serving(tmp_path, issuer, database=database.section()) as server:
        until(lambda: up in fetch(server.metrics_url).text, within_seconds=30)
        return fetch(server.metrics_url).text


def value(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def test_results_of_the_jobs_become_metrics(tmp_path: Path, issuer: Issuer, database: Postgres):
    text = scrape(tmp_path, issuer, database)  # without the table, the server works as well
    assert not OURS.keys() & scraped(text).keys()
    assert migrated(tmp_path, issuer, database.section()).status == 0
    text = scrape(tmp_path, issuer, database)  # without a result
    assert not OURS.keys() & scraped(text).keys()
    with database.connect() as connection:
        connection.autocommit = True  # each row has the time of its transaction
        connection.execute("SELECT record_backup(now() - interval '2 hours', 5, 100)")
        connection.execute("SELECT record_backup(now() - interval '1 hour', 5, 100)")
        connection.execute("SELECT record_drill(now(), 'passed', 3600, 12.5)")
        connection.execute("UPDATE backup_results SET at = at - interval '1 day'")
        connection.execute("SELECT record_drill(NULL, 'damaged', NULL, NULL)")
    text = scrape(tmp_path, issuer, database)
    found = scraped(text)
    assert {name: found[name] for name in OURS} == listed(OURS)
    assert 3600 <= value(text, "mcp_backup_age_seconds") < 3900
    assert value(text, "mcp_restore_drill_passed") == 0
    assert 86_400 <= value(text, "mcp_restore_drill_age_seconds") < 86_700
    assert value(text, "mcp_restore_drill_recovery_point_seconds") == 3600
    assert value(text, "mcp_restore_drill_recovery_time_seconds") == 12.5


def test_results_of_the_jobs_of_volumes_become_metrics(
    tmp_path: Path, issuer: Issuer, database: Postgres
):
    assert migrated(tmp_path, issuer, database.section()).status == 0
    with database.connect() as connection:
        connection.autocommit = True
        record = "SELECT record_volume(%s, %s, %s, now() - %s::interval, %s)"
        for row in (
            ("models", "backup", "stored", "2 hours", 5),
            ("models", "backup", "stored", "1 hour", 5),
            ("models", "drill", "passed", "1 hour", 12.5),
            ("uploads", "drill", "missing", None, None),
        ):
            connection.execute(record, row)
        connection.execute("UPDATE volume_results SET at = at - interval '1 day'")
        connection.execute(record, ("models", "drill", "damaged", None, None))
    text = scrape(tmp_path, issuer, database)
    found = scraped(text)
    assert {name: found[name] for name in OF_VOLUMES} == listed(OF_VOLUMES)
    models = '{volume="models"}'
    assert 3600 <= value(text, f"mcp_volume_backup_age_seconds{models}") < 3900
    assert value(text, f"mcp_volume_drill_passed{models}") == 0
    assert 86_400 <= value(text, f"mcp_volume_drill_age_seconds{models}") < 86_700
    assert value(text, f"mcp_volume_drill_seconds{models}") == 12.5
    assert value(text, 'mcp_volume_drill_passed{volume="uploads"}') == 0
    assert 'mcp_volume_backup_age_seconds{volume="uploads"}' not in text
