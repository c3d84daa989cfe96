"""A database whose backups go to an S3 server: one of each for all tests of this folder."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.harness.backups import BackedUp
from tests.harness.postgres import postgres
from tests.harness.s3_server import BUCKET, REGION, S3Server, s3_server


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Generator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def database(bucket: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Generator[BackedUp]:
    access, secret = bucket.keys()
    where = {
        "url": f"s3://{BUCKET}/platform",
        "endpoint": bucket.endpoint,
        "region": REGION,
        "access_key_file": str(access),
        "secret_key_file": str(secret),
    }
    with postgres() as server:
        made = BackedUp(server, tmp_path_factory.mktemp("backup"), where)
        made.prepare()
        yield made


@pytest.fixture
def backed_up(database: BackedUp, request: pytest.FixtureRequest) -> BackedUp:
    """The database with rows and one backup, in a folder of the test's own."""
    database.stack = request.node.name.replace("_", "-").partition("[")[0][-60:].strip("-")
    database.settings = {}
    with database.connect() as connection:
        connection.execute("TRUNCATE memories")
        connection.execute(
            "INSERT INTO memories (owner, name, text) SELECT 'user-' || n % 7, 'note ' || n, "
            "'ü ' || md5(n::text) FROM generate_series(1, 2000) AS n"
        )
    done = database.backup()
    assert done.status == 0, done.errors
    return database
