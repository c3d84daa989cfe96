"""A login to a real PostgreSQL over TLS, with a password and authorities that are in no file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import psycopg
import pytest

from runtime.aws_secrets import secret_password
from runtime.database_pool import connection_options
from runtime.store_config import PostgresSection
from runtime.token_sources import password_of_secret
from tests.harness.certificates import Authority
from tests.harness.postgres import (
    ACCOUNT,
    DATABASE,
    GROUP,
    HOW_TO_GET,
    PASSWORD,
    USER,
    Postgres,
    binaries,
    postgres,
)
from tests.harness.token_services import Asked, token_service

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0a1b2c3d-a1B2c3"
ROTATED = "another-only-for-tests"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
]


def with_tls(server: Postgres, authority: Authority) -> None:
    data = server.directory / "data"
    for source, name in zip(authority.issue(), ("server.crt", "server.key"), strict=True):
        copy = data / name
        shutil.copy(source, copy)
        copy.chmod(0o600)
        if ACCOUNT:
            shutil.chown(copy, ACCOUNT, GROUP)
    with server.connect() as connection:
        connection.autocommit = True
        connection.execute("ALTER SYSTEM SET ssl = on")
        connection.execute("SELECT pg_reload_conf()")


def logged_in(server: Postgres) -> str:
    section = PostgresSection(
        host="127.0.0.1",
        port=server.port,
        name=DATABASE,
        user=USER,
        password_secret=ARN,
        ca_env="AUTHORITY",
    )
    with psycopg.connect(**connection_options(section)) as connection:
        (row,) = connection.execute(
            "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchall()
    return str(row[0])


def test_the_server_logs_in_verifies_and_follows_a_rotation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    passwords = [PASSWORD]

    def answer(_: Asked) -> tuple[int, dict[str, str]]:
        return 200, {"SecretString": json.dumps({"username": USER, "password": passwords[-1]})}

    authority = Authority.at(tmp_path)
    (other := tmp_path / "other").mkdir()
    with postgres() as server, token_service(answer) as secrets:
        with_tls(server, authority)
        for name, value in {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": secrets.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AUTHORITY": authority.ca_file.read_text(),
        }.items():
            monkeypatch.setenv(name, value)
        password_of_secret.cache_clear()
        assert logged_in(server).startswith("TLS")

        with server.connect() as connection:
            connection.execute(f"ALTER USER {USER} PASSWORD '{ROTATED}'".encode())
        passwords.append(ROTATED)
        # What a minute does: the password is read again.
        password_of_secret.cache_clear()
        assert secret_password(ARN)() == ROTATED
        assert logged_in(server).startswith("TLS")

        monkeypatch.setenv("AUTHORITY", Authority.at(other).ca_file.read_text())
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            logged_in(server)
    password_of_secret.cache_clear()
    assert not [name for name in os.environ if os.environ[name] in passwords]
