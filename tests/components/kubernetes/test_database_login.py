"""Servers and migrations log in to PostgreSQL with a token of the args, and mount no password."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any, Final

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.cloud_identity import AwsIdentity, CloudIdentity, GoogleIdentity
from components.kubernetes.core import Core, CoreArgs, MigrationArgs
from components.kubernetes.pod_settings import PodSettings
from components.mcp.database import Database
from components.mcp.secret_key import SecretKey
from graph.resource_graph import ResourceGraph
from runtime.config import Config, MigrationConfig
from tests.harness import record
from tests.harness.graph_queries import objects
from tests.harness.minimal_args import server

AUTHORITY: Final = SecretKey(secret="cloud-ca", key="ca.crt")
AWS: Final = CloudIdentity(aws=AwsIdentity(role="arn:aws:iam::123456789012:role/mcp"))
GOOGLE: Final = CloudIdentity(
    gcp=GoogleIdentity(service_account="mcp-core@acme-prod.iam.gserviceaccount.com")
)
RDS: Final = Database(
    host="db.abcdefghijkl.eu-west-1.rds.amazonaws.com", token="rds", authority=AUTHORITY
)
CLOUD_SQL: Final = Database(
    host="10.30.128.3",
    user="mcp-core@acme-prod.iam",
    token="cloud-sql",
    authority=AUTHORITY,
    verify="ca",
)


def core(
    database: Database, identity: CloudIdentity | None, migrates_as: CloudIdentity | None = None
) -> ResourceGraph:
    given = server(pods=PodSettings(identity=identity))
    given = replace(given, config=replace(given.config, role="core", database=database))
    pods = PodSettings(identity=migrates_as or identity)
    migration = MigrationArgs(image=given.image, pods=pods)
    return record(lambda: Core("core", CoreArgs(server=given, migration=migration)) and None)


def written(graph: ResourceGraph, file: str) -> dict[str, Any]:
    texts = [one["data"][file] for one in objects(graph, "ConfigMap") if file in one["data"]]
    return tomllib.loads(texts[0])


@pytest.mark.parametrize(("database", "identity"), [(RDS, AWS), (CLOUD_SQL, GOOGLE)])
def test_the_server_and_the_migration_read_a_token_and_mount_no_password(
    database: Database, identity: CloudIdentity
):
    graph = core(database, identity)
    tables = written(graph, "server.toml")
    found = Config.model_validate(tables).database
    migrated = MigrationConfig.model_validate(written(graph, "migration.toml")).database
    for one in (found, migrated):
        assert one is not None
        assert (one.token, one.password_file) == (database.token, None)
        assert (one.user, one.verify) == (database.user, database.verify)
        assert str(one.ca_file) == "/etc/database-ca/ca.crt"
    mounted = {
        volume["secret"]["secretName"]
        for kind in ("Deployment", "Job")
        for each in objects(graph, kind)
        for volume in each["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert "cloud-ca" in mounted
    assert "mcp-server-secrets" not in mounted


REFUSED: Final[dict[str, tuple[Database, CloudIdentity | None, CloudIdentity | None, str]]] = {
    "no identity": (RDS, None, AWS, "server.config.database.token"),
    "an identity of another cloud": (RDS, GOOGLE, AWS, "server.config.database.token"),
    "a migration of another cloud": (RDS, AWS, GOOGLE, "migration.pods.identity"),
    "a password too": (
        replace(RDS, password=SecretKey(secret="data", key="pw")),
        AWS,
        None,
        "server.config.database.password",
    ),
    "names that nobody verifies": (
        replace(CLOUD_SQL, authority=None),
        GOOGLE,
        None,
        "server.config.database.verify",
    ),
    "a role with a space": (
        replace(RDS, user="mcp core"),
        AWS,
        None,
        "server.config.database.user",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_login_that_cannot_work_is_refused_with_its_path(case: str):
    database, identity, migrates_as, path = REFUSED[case]
    with pytest.raises(ProblemReport) as refused:
        core(database, identity, migrates_as)
    assert f"core.{path}" in [p.path for p in refused.value.problems]
