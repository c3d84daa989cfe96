"""What `qudag-mcp restore` prints for databases of clouds, with the names of a recorded stack."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore import xform_name  # pyright: ignore[reportUnknownVariableType]
from botocore.session import Session
from typer.testing import CliRunner

from components.base.problems import ProblemReport
from delivery.cli import app
from delivery.database_restore import Wanted
from delivery.restores import kinds, live
from delivery.restores.kinds import PLANS, data_section, is_restored_by_a_job, plan_of
from delivery.restores.plan import Command, Plan
from delivery.stack_identity import StackIdentity
from graph.resource_graph import ResourceGraph
from stacks.config.external_data import ExternalDatabase
from stacks.config.managed_data import AUTHORITY, PASSWORD
from stacks.data_kinds import KINDS
from stacks.topologies.topology import POSTGRES
from tests.harness.containers import ROOT
from tests.harness.data_kinds import DATABASES, IDENTITIES, MADE, prod_with, with_database
from tests.harness.graph_queries import objects

pytestmark = pytest.mark.slow
NOW = datetime(2026, 11, 29, 2, 30, 15, tzinfo=UTC)
TIME = "2026-11-28T02:00:00Z"
each = pytest.mark.parametrize("kind", MADE)
LOGINS = {"rds": None, "cloud-sql": "cloud-sql", "azure-postgresql": "azure"}
"""Whose tokens log in; None: a password does."""


@cache
def plan(kind: str, before: str | None = TIME) -> Plan:
    data = {"kind": kind, **DATABASES[kind]}
    return PLANS[kind](with_database(kind), data, "prod", Wanted(before=before), NOW)


def command(kind: str, *beginning: str, before: str | None = TIME) -> Command:
    (found,) = [
        one
        for one in plan(kind, before).commands
        if tuple(one.words[: len(beginning)]) == beginning
    ]
    return found


def options(one: Command) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in one.words:
        if word.startswith("--"):
            found[word] = []
        elif found:
            found[[*found][-1]].append(word)
    return found


def test_every_kind_is_restored_by_a_job_or_has_a_plan():
    assert {*PLANS, kinds.EXTERNAL, kinds.EMBEDDED} == set(KINDS[POSTGRES])
    assert is_restored_by_a_job({})
    assert is_restored_by_a_job({"kind": "embedded"})
    assert not any(is_restored_by_a_job({"kind": kind}) for kind in (*PLANS, kinds.EXTERNAL))


@each
@pytest.mark.parametrize("before", [TIME, None])
def test_the_text_is_a_shell_script_of_the_commands_alone(kind: str, before: str | None):
    text = plan(kind, before).text()
    assert (TIME in text) == (before is not None)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    script = "\n".join(lines).replace("\\\n", " ").replace("group=$(", "").replace("text)", "text")
    found = [shlex.split(line) for line in script.splitlines() if line]
    assert found == [[*one.words] for one in plan(kind, before).commands]


@each
def test_no_command_names_the_live_one_but_to_read_it(kind: str):
    live_name = plan(kind).title.split(" as of ")[0].rpartition(" ")[2]
    reading = {"show", "describe-db-instances", "get-latest-recovery-time"}
    for one in plan(kind).commands:
        if live_name in one.words and not reading & set(one.words):
            assert "clone" in one.words or {
                "--source-db-instance-identifier",
                "--source-server",
            } & set(one.words)


def test_a_user_with_tokens_logs_in_to_the_restored_one():
    data = {"kind": "rds", "rds": {**DATABASES["rds"]["rds"], "tokenUser": "mcp"}}
    made = PLANS["rds"](with_database("rds"), data, "prod", Wanted(before=TIME), NOW)
    assert made.external is not None
    assert "password" not in made.external
    assert (made.external["token"], made.external["user"]) == ("rds", "mcp")


@each
def test_the_stack_takes_the_restored_one_over_by_a_valid_section(kind: str):
    section = plan(kind).external
    assert section is not None
    text = plan(kind).text()
    shown = re.search(r"^#   data:\n(?:#   .*\n)+?(?=# \S)", text, re.MULTILINE)
    assert shown is not None
    written = yaml.safe_load(shown[0].replace("#   ", ""))
    assert written["data"] == {"kind": "external", "external": section}
    read = ExternalDatabase.model_validate({**section, "host": "10.30.128.9"})
    assert read.token == LOGINS[kind]
    told = with_database(kind).one(_component(kind)).outputs
    assert (read.name, read.user) == (told["database_name"], told["database_user"])
    assert read.networks == ["10.30.128.0/24"]


@each
def test_prod_with_that_section_connects_to_the_restored_one_and_makes_none(kind: str):
    section = {**(plan(kind).external or {}), "host": "10.30.128.9"}
    written = json.dumps({"kind": "external", "external": section})
    made = prod_with(written, json.dumps(IDENTITIES.get(kind, {})))
    assert made.all(MADE[kind]) == []
    (core,) = [
        one["data"]["server.toml"]
        for one in objects(made, "ConfigMap")
        if one["metadata"]["name"] == "mcp-core-config"
    ]
    read = tomllib.loads(core)["database"]
    assert (read["host"], read["user"]) == ("10.30.128.9", section["user"])
    assert read.get("token") == section.get("token")
    # Certificates of Cloud SQL have no DNS name.
    assert read.get("verify") == ("ca" if kind == "cloud-sql" else None)


def _component(kind: str) -> str:
    return plan(kind).component.type


@each
def test_pulumi_keeps_all_of_the_live_data_tier(kind: str):
    (excluded,) = re.findall(r"--exclude '([^']+)'", plan(kind).text())
    pattern = re.compile(".*".join(re.escape(part) for part in excluded.split("**")))
    made = with_database(kind)
    component = plan(kind).component
    kept = {one.urn for one in made.resources if pattern.fullmatch(one.urn)}
    assert kept == {component.urn, *(one.urn for one in made.children(component.urn))}


def test_secrets_of_the_printed_section_are_where_the_kinds_have_them():
    assert (PASSWORD.secret, PASSWORD.key) == (live.SECRET, "password")
    assert (AUTHORITY.secret, AUTHORITY.key) == (live.SECRET, "ca.crt")


@pytest.mark.parametrize(
    ("service", "verb"),
    [
        ("rds", "restore-db-instance-to-point-in-time"),
        ("rds", "modify-db-instance"),
        ("ec2", "describe-security-groups"),
    ],
)
def test_every_option_of_aws_is_a_member_of_the_request(service: str, verb: str):
    session: Any = Session()
    model = session.get_service_model(service)
    (name,) = [one for one in model.operation_names if xform_name(one, "-") == verb]
    members = {
        f"--{xform_name(key, '-')}": shape.type_name
        for key, shape in model.operation_model(name).input_shape.members.items()
    }
    given = options(command("rds", "aws", service, verb))
    known = {"--region", "--query", "--output"}
    for option, values in given.items():
        if option in known:
            continue
        type_name = members.get(option) or members[option.replace("--no-", "--")]
        assert bool(values) == (type_name != "boolean"), option


def test_rds_restores_with_what_would_not_be_copied():
    made = with_database("rds")
    instance = made.one(MADE["rds"]).inputs
    group = made.one("aws:ec2/securityGroup:SecurityGroup", "data-database-group").inputs
    given = options(command("rds", "aws", "rds", "restore-db-instance-to-point-in-time"))
    assert given["--source-db-instance-identifier"] == [instance["identifier"]]
    assert given["--target-db-instance-identifier"] == [f"{instance['identifier']}-20261128-020000"]
    assert given["--restore-time"] == [TIME]
    assert given["--region"] == ["eu-west-1"]
    assert given["--db-subnet-group-name"] == [instance["dbSubnetGroupName"]]
    assert given["--vpc-security-group-ids"] == ["$group"]
    assert given["--backup-retention-period"] == ["14"]
    assert {"--multi-az", "--deletion-protection", "--no-publicly-accessible"} <= set(given)
    (parameters,) = made.all("aws:rds/parameterGroup:ParameterGroup")
    assert given["--db-parameter-group-name"] == [parameters.inputs["name"]]
    looked_up = command("rds", "aws", "ec2", "describe-security-groups")
    assert looked_up.variable == "group"
    assert f"Name=group-name,Values={group['name']}" in looked_up.words
    newest = options(
        command("rds", "aws", "rds", "restore-db-instance-to-point-in-time", before=None)
    )
    assert "--use-latest-restorable-time" in newest
    assert "--restore-time" not in newest


def test_cloud_sql_is_cloned_and_its_account_may_connect_to_the_clone_alone():
    source = with_database("cloud-sql").one(MADE["cloud-sql"]).inputs["name"]
    new = f"{source}-20261128-020000"
    cloned = command("cloud-sql", "gcloud", "sql", "instances", "clone")
    assert cloned.words[4:6] == [source, new]
    assert options(cloned) == {"--project": ["qudag-prod"], "--point-in-time": [TIME]}
    newest = command("cloud-sql", "gcloud", "sql", "instances", "clone", before=None)
    assert options(newest) == {"--project": ["qudag-prod"]}
    rights = [one for one in plan("cloud-sql").commands if one.words[1] == "projects"]
    given = [options(one) for one in rights]
    assert {one["--role"][0] for one in given} == {
        "roles/cloudsql.client",
        "roles/cloudsql.instanceUser",
    }
    expression = f'resource.name == "projects/qudag-prod/instances/{new}"'
    assert {one["--condition"][0] for one in given} == {f"expression={expression},title=only {new}"}
    assert command("cloud-sql", "gcloud", "sql", "instances", "patch")


def test_azure_restores_beside_the_live_server_and_gives_it_what_that_one_has():
    made = with_database("azure-postgresql")
    server = made.one(MADE["azure-postgresql"]).inputs
    az = ("az", "postgres", "flexible-server")
    given = options(command("azure-postgresql", *az, "restore"))
    new = f"{server['serverName']}-20261128-020000"
    assert given == {
        "--subscription": ["0a1b2c3d-0000-4000-8000-000000000001"],
        "--resource-group": [server["resourceGroupName"]],
        "--name": [new],
        "--source-server": [server["serverName"]],
        "--restore-time": [TIME],
        "--geo-redundant-backup": ["Enabled"],
        "--yes": [],
    }
    updated = options(command("azure-postgresql", *az, "update"))
    assert updated["--backup-retention"] == ["14"]
    assert updated["--zonal-resiliency"] == ["Enabled"]
    administrator = options(command("azure-postgresql", *az, "microsoft-entra-admin", "create"))
    assert administrator["--display-name"] == ["mcp-core"]
    parameters = {
        options(one)["--name"][0]: options(one)["--value"][0]
        for one in plan("azure-postgresql").commands
        if one.words[3:5] == ["parameter", "set"]
    }
    assert parameters == {
        each.inputs["configurationName"]: each.inputs["value"]
        for each in made.all("azure-native:dbforpostgresql:Configuration")
    }
    lock = command("azure-postgresql", "az", "lock", "create")
    assert options(lock)["--resource"] == [new]


@each
def test_a_moment_that_the_backups_do_not_reach_is_refused(kind: str):
    data = {"kind": kind, **DATABASES[kind]}
    wanted = Wanted(before="2026-10-01T00:00:00Z")
    with pytest.raises(ProblemReport) as refused:
        PLANS[kind](with_database(kind), data, "prod", wanted, NOW)
    assert [problem.path for problem in refused.value.problems] == ["--before"]


def folder(place: Path, data: dict[str, Any]) -> Path:
    (place / "Pulumi.yaml").write_text("name: qudag-mcp\nruntime: python\n")
    (place / "__main__.py").touch()
    (place / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": {"qudag-mcp:data": data}}))
    return place


def test_an_external_database_is_somebody_elses(tmp_path: Path):
    root = folder(tmp_path, {"kind": "external", **DATABASES["external"]})
    done = CliRunner().invoke(app, ["restore", "--stack", "prod", "-C", str(root)])
    assert done.exit_code == 1
    assert "whoever runs db.example.com has its backups" in done.stderr


def test_the_command_prints_the_plan_or_writes_it_to_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = folder(tmp_path, {"kind": "rds", **DATABASES["rds"]})

    def graph(*_: object) -> ResourceGraph:
        return with_database("rds")

    monkeypatch.setattr(kinds, "record_stack", graph)
    call = ["restore", "--stack", "prod", "-C", str(root), "--database", "restored"]
    printed = CliRunner().invoke(app, call)
    assert printed.exit_code == 0, printed.output
    assert "--target-db-instance-identifier restored" in printed.stdout
    file = tmp_path / "restore.sh"
    written = CliRunner().invoke(app, [*call, "--out", str(file)])
    assert (written.exit_code, written.stdout) == (0, "")
    assert file.read_text() == printed.stdout
    again = CliRunner().invoke(app, [*call, "--out", str(file)])
    assert again.exit_code == 1
    assert "exists" in again.stderr


def test_a_restore_by_a_job_has_nothing_to_write(tmp_path: Path):
    root = folder(tmp_path, {"kind": "embedded"})
    call = ["restore", "--stack", "prod", "-C", str(root), "--out", str(tmp_path / "x")]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 1
    assert "--out" in done.stderr


def test_a_stack_file_of_this_project_is_read():
    prod = StackIdentity.of(ROOT, "prod")
    assert is_restored_by_a_job(data_section(prod))
    with pytest.raises(ProblemReport):
        plan_of(prod, {"kind": "external"}, Wanted())
