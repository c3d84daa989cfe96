"""A server exports the age of each mounted value of a Secret, and a restart does not reset it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from components.mcp.metrics import exported_by
from runtime.config import Config
from runtime.toml_config import ConfigError, validated
from tests.harness.postgres import HOW_TO_GET, Postgres, binaries, postgres
from tests.harness.server import RunningServer, fetch, serving, until
from tests.harness.tokens import Issuer
from tests.runtime.test_exported_metrics import listed, scraped
from tests.runtime.test_memories_table import migrated

OURS = exported_by("ages")
(NAME,) = OURS
PASSWORD = "a planted password, 7f3a"


@pytest.fixture(scope="module")
def database() -> Generator[Postgres]:
    with postgres() as server:
        yield server


def age(server: RunningServer, key: str) -> float | None:
    """The exported age; None while there is none."""
    start = f'{NAME}{{key="{key}",secret="mcp-server-secrets"}}'
    lines = [line for line in fetch(server.metrics_url).text.splitlines() if line.startswith(start)]
    return float(lines[0].split()[-1]) if lines else None


@contextlib.contextmanager
def running(
    tmp_path: Path, issuer: Issuer, database: Postgres, *keys: str, **server: Any
) -> Generator[RunningServer]:
    files = [
        {"name": "mcp-server-secrets", "key": key, "file": str(tmp_path / key)} for key in keys
    ]
    sections: dict[str, Any] = {"database": database.section(), "secret_files": files}
    protocol = {"era": "modern"}
    with serving(tmp_path, issuer, server=server, protocol=protocol, **sections) as running:
        yield running


@pytest.mark.slow
@pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET)
def test_the_age_counts_from_the_change_of_a_value_and_not_from_a_start(
    tmp_path: Path, issuer: Issuer, database: Postgres
):
    up = 'mcp_dependency_up{dependency="database"} 1.0'
    for key in ("old", "kept"):
        (tmp_path / key).write_text(f"{PASSWORD} {key}")
    with running(tmp_path, issuer, database, "old") as server:
        # Without the table, the server works as well.
        until(lambda: up in fetch(server.metrics_url).text, within_seconds=30)
        assert age(server, "old") is None
    assert migrated(tmp_path, issuer, database.section()).status == 0
    with running(tmp_path, issuer, database, "old", "kept", "absent") as server:
        until(lambda: age(server, "kept") is not None, within_seconds=30)
        assert scraped(fetch(server.metrics_url).text)[NAME] == listed(OURS)[NAME]
        assert age(server, "absent") is None
    with database.connect() as connection:
        connection.execute("UPDATE secret_changes SET changed_at = now() - interval '100 days'")
        kept = connection.execute("SELECT secret_changes::text FROM secret_changes").fetchall()
    assert PASSWORD not in str(kept)
    assert PASSWORD.encode().hex() not in str(kept)
    # A file that is written again with the same value, as each pod's start does.
    (tmp_path / "kept").unlink()
    (tmp_path / "kept").write_text(f"{PASSWORD} kept\n")
    with running(tmp_path, issuer, database, "old", "kept", workers=2) as server:
        until(lambda: age(server, "kept") is not None, within_seconds=30)
        for key in ("old", "kept"):
            assert 100 * 86_400 <= (age(server, key) or 0) < 100 * 86_400 + 600, key
        (tmp_path / "old").write_text("rotated")
        until(lambda: (age(server, "old") or 1e9) < 600, within_seconds=40)
        assert (age(server, "kept") or 0) >= 100 * 86_400


def test_an_entry_is_there_once():
    one = {"name": "mcp-server-secrets", "key": "password", "file": "/etc/secrets/password"}
    raw = {"auth": {"jwks_file": "/keys", "issuer": "https://i.example.com"}}
    with pytest.raises(ConfigError, match="mcp-server-secrets/password is there twice"):
        validated("server.toml", {**raw, "secret_files": [one, one]}, Config)
