"""Containers in clouds send spans and log lines to a receiver, with a token from a secret."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import tomli_w

from components.aws.network import AwsEgress
from components.aws.otlp import AwsOtlpReceiver
from components.azure.otlp import AzureOtlpReceiver
from components.base.arg_forms import HEADER_NAME, SET_BY_SENDERS
from components.base.problems import ProblemReport
from components.gcp.otlp import GcpOtlpReceiver
from components.mcp.otlp import LONGEST_AUTHORITY
from policies import broken_policies
from runtime import otlp_config
from runtime.config import Config
from runtime.otlp_config import OtlpSection
from tests.harness.authority_certificate import CERTIFICATE
from tests.harness.clouds import AWS_NETWORK, AZURE_SECRETS, GCP_SECRETS, granted, rights
from tests.harness.otlp_servers import (
    AWS_TOKEN,
    AZURE_TOKEN,
    CLOUDS,
    GCP_TOKEN,
    PROGRAM,
    URL,
    in_cloud_run,
    in_container_app,
    in_container_group,
    in_ecs,
)

pytestmark = pytest.mark.slow
TOKEN = "QUDAG_MCP_OTLP_TOKEN"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
EVERY = pytest.mark.parametrize("cloud", CLOUDS)


def connections(**changes: Any) -> set[tuple[int, str]]:
    """Ports and networks that tasks may connect to, besides security groups and prefix lists."""
    made = in_ecs(**changes).graph
    rules = [rule.inputs for rule in made.all(EGRESS) if rule.inputs.get("cidrIpv4")]
    return {(rule["fromPort"], rule["cidrIpv4"]) for rule in rules}


@EVERY
def test_the_server_reads_where_to_send_and_which_variable_has_the_token(cloud: str):
    make, receiver, _ = CLOUDS[cloud]
    made = make(replace(receiver, environment="prod"))
    read = Config.model_validate(made.tables)
    for section, path in ((read.traces, "traces"), (read.log_export, "logs")):
        assert section is not None
        assert section.endpoint == f"{URL}/v1/{path}"
        assert (section.token_env, section.header, section.scheme) == (
            TOKEN,
            "Authorization",
            "Bearer",
        )
        assert section.authorities() is None
    assert read.resource_attributes["deployment.environment.name"] == "prod"


@EVERY
def test_the_token_comes_from_the_secret_and_is_in_no_input(cloud: str):
    make, receiver, refers_to = CLOUDS[cloud]
    made = make(receiver)
    assert made.secrets == {TOKEN: refers_to}
    assert TOKEN not in made.variables
    assert broken_policies(made.graph) == broken_policies(
        make(
            replace(
                receiver,
                token=None,
                **({"vault": None} if isinstance(receiver, AzureOtlpReceiver) else {}),
            )
        ).graph
    )


@EVERY
def test_the_server_before_a_users_image_sends_and_the_image_gets_no_token(cloud: str):
    make, receiver, refers_to = CLOUDS[cloud]
    made = make(receiver, upstream=PROGRAM)
    assert made.tables["traces"]["endpoint"] == f"{URL}/v1/traces"
    assert made.secrets == {TOKEN: refers_to}
    assert not any("OTLP" in name for name in made.others)


def test_each_identity_may_read_the_token_and_nothing_more_than_before():
    ecs = rights(in_ecs().graph)
    before = rights(in_ecs(otlp=None).graph)
    (role,) = [name for name in ecs if ecs[name] != before[name]]
    assert role.endswith("execution-role")
    reading = ("secretsmanager:GetSecretValue", AWS_TOKEN)
    assert ecs[role] - before[role] == {reading}
    run, less = granted(in_cloud_run().graph), granted(in_cloud_run(otlp=None).graph)
    (grant,) = run - less
    assert grant[1:] == ("roles/secretmanager.secretAccessor", "otlp")
    (scope,) = azure_scopes(in_container_app()) - azure_scopes(in_container_app(otlp=None))
    assert scope == f"{AZURE_SECRETS.vault}/secrets/otlp"


def azure_scopes(made: Any) -> set[str]:
    roles = made.graph.all("azure-native:authorization:RoleAssignment")
    return {role.inputs["scope"] for role in roles}


@pytest.mark.parametrize("name", ["qudag-keys", "Qudag-Keys"])  # ids of Azure have no case
def test_a_secret_that_the_server_reads_already_gets_no_second_right(name: str):
    shared = f"https://qudag-keys.vault.azure.net/secrets/api-key/{'3' * 32}"
    vault = AZURE_SECRETS.vault.replace("qudag-keys", name)
    receiver = AzureOtlpReceiver(url=URL, token=shared, vault=vault)
    made = in_container_app(receiver, secrets=AZURE_SECRETS)
    scopes = [
        role.inputs["scope"] for role in made.graph.all("azure-native:authorization:RoleAssignment")
    ]
    keys = [f"{AZURE_SECRETS.vault}/secrets/{name}" for name in ("api-key", "other")]
    assert sorted(scope for scope in scopes if "/secrets/" in scope) == keys
    assert made.secrets[TOKEN] == shared
    in_cloud_run(GcpOtlpReceiver(url=URL, token=GCP_SECRETS["REDIS_PASSWORD"]), secrets=GCP_SECRETS)


def test_tasks_may_connect_to_the_networks_of_the_receiver_at_its_port_alone():
    limited = replace(AWS_NETWORK, egress=AwsEgress(networks=["192.0.2.0/24"]))
    receiver = AwsOtlpReceiver(url=f"{URL}:4318", networks=["203.0.113.0/24"])
    before = connections(network=limited, otlp=None)
    after = connections(network=limited, otlp=receiver)
    assert after - before == {(4318, "203.0.113.0/24")}
    assert before <= after
    # What tasks may connect to already is no second rule, which AWS would refuse.
    known = AwsOtlpReceiver(url=URL, networks=["192.0.2.0/24", "203.0.113.0/24"])
    assert connections(network=limited, otlp=known) - before == {(443, "203.0.113.0/24")}
    rules = in_ecs(known, network=limited).graph.all(EGRESS)
    ends = [(rule.inputs["fromPort"], rule.inputs.get("cidrIpv4")) for rule in rules]
    assert ends.count((443, "192.0.2.0/24")) == 1
    anywhere = connections(otlp=None)
    assert connections() == anywhere
    assert (443, "0.0.0.0/0") in anywhere


@pytest.mark.parametrize(
    ("cloud", "fields", "at"),
    [
        ("ecs", {"url": f"{URL}:4318"}, "otlp.networks"),
        ("ecs", {"networks": ["203.0.113.0/24"]}, "otlp.networks"),
        ("ecs", {"url": f"{URL}:4318", "networks": ["2001:db8::/32"]}, "otlp.networks[0]"),
        ("ecs", {"token": AWS_TOKEN.replace("eu-central-1", "us-east-1")}, "otlp.token"),
        ("cloud-run", {"header": "X-Api-Key"}, "otlp.scheme"),
        ("cloud-run", {"scheme": "none"}, "otlp.scheme"),
        ("cloud-run", {"token": None, "header": "X-Api-Key"}, "otlp.header"),
        ("cloud-run", {"token": None, "scheme": "Basic"}, "otlp.scheme"),
        ("cloud-run", {"traces": False, "logs": False}, "otlp.traces"),
        ("cloud-run", {"url": f"{URL}/v1/logs"}, "otlp.url"),
        ("cloud-run", {"ca": "/etc/ca.pem"}, "otlp.ca"),
        ("cloud-run", {"ca": "-----BEGIN EC PRIVATE KEY-----"}, "otlp.ca"),
        ("container-app", {"vault": None}, "otlp.vault"),
        ("container-app", {"token": None}, "otlp.token"),
        (
            "container-app",
            {"token": AZURE_TOKEN.replace("qudag-keys", "other-keys")},
            "otlp.token",
        ),
    ],
)
def test_a_receiver_that_nothing_could_be_sent_to_is_refused(
    cloud: str, fields: dict[str, Any], at: str
):
    make, receiver, _ = CLOUDS[cloud]
    with pytest.raises(ProblemReport) as report:
        make(replace(receiver, **fields))
    assert [one.path.removeprefix("mcp.") for one in report.value.problems] == [at]


def test_a_container_group_sends_without_a_token_only():
    tables = in_container_group().tables
    assert tables["log_export"] == {"endpoint": f"{URL}/v1/logs"}
    with pytest.raises(ProblemReport) as report:
        in_container_group(AzureOtlpReceiver(url=URL, token=AZURE_TOKEN, vault=AZURE_SECRETS.vault))
    assert [one.path for one in report.value.problems] == ["mcp.otlp.token"]


def test_one_of_the_two_signals_can_be_switched_off_and_another_header_set():
    receiver = GcpOtlpReceiver(
        url=f"{URL}/intake/", token=GCP_TOKEN, header="DD-API-KEY", scheme="none", traces=False
    )
    tables = in_cloud_run(receiver).tables
    assert "traces" not in tables
    assert tables["log_export"] == {
        "endpoint": f"{URL}/intake/v1/logs",
        "token_env": TOKEN,
        "header": "DD-API-KEY",
        "scheme": "none",
    }
    assert "log_export" not in in_cloud_run(replace(receiver, traces=True, logs=False)).tables


@EVERY
def test_without_a_receiver_nothing_changes(cloud: str):
    make, _, _ = CLOUDS[cloud]
    made = make(otlp=None)
    assert not {"traces", "log_export"} & set(made.tables)
    assert made.secrets == {}
    assert "otlp" not in json.dumps([one.inputs for one in made.graph.resources], default=str)


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "DD-API-KEY", "x_key", "X1", "x" * 63),
        *("x.key", "1X-Key", "_x", "-x", "X Key", "x:y", "x\n", "", "clé", "Host", "CONTENT-TYPE"),
    ],
)
def test_a_header_is_accepted_that_the_server_accepts_too(name: str):
    try:
        OtlpSection(endpoint="https://otlp.example.com/v1/logs", header=name)
    except ValueError:
        assert HEADER_NAME.problem("header", name) is not None
    else:
        assert HEADER_NAME.problem("header", name) is None


def test_the_longest_authority_fits_into_a_variable_of_cloud_run():
    """Value of an environment variable: 32,768 bytes (Cloud Run Admin API v2, EnvVar)."""
    ca = CERTIFICATE * (LONGEST_AUTHORITY // len(CERTIFICATE))
    made = in_cloud_run(GcpOtlpReceiver(url=URL, token=GCP_TOKEN, ca=ca))
    assert made.tables["traces"]["ca"] == made.tables["log_export"]["ca"] == ca
    assert len(tomli_w.dumps(made.tables).encode()) < 32_768
    with pytest.raises(ProblemReport, match="longer than"):
        in_cloud_run(GcpOtlpReceiver(url=URL, token=GCP_TOKEN, ca=ca + CERTIFICATE))


def test_headers_of_a_request_are_kept_for_it():
    """Those without which no receiver can read a request: RFC 9110 and RFC 9112."""
    framing = {"host", "content-type", "content-length", "content-encoding", "transfer-encoding"}
    assert framing <= SET_BY_SENDERS == otlp_config.SET_BY_SENDERS
