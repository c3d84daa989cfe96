"""AwsLambda: what is made, who may do what, and how long a call may take."""

from __future__ import annotations

import importlib
import json
import tomllib
from typing import Any

import pytest

from archives.hosts import HOSTS
from components.aws.function import HANDLER, SECRETS_VARIABLE, STREAMING_WRAPPER
from components.mcp.access import Access
from components.mcp.archive import Archive
from policies import broken_policies
from tests.harness.aws_lambda import (
    BRIEF,
    FUNCTION,
    NAMED,
    URL,
    function,
    graph,
    slow,
)
from tests.harness.clouds import (
    ARCHIVE,
    AWS_CERTIFICATE,
    AWS_SECRET,
    cloud_config,
    rights,
)

PERMISSION = "aws:lambda/permission:Permission"
TABLE = "aws:dynamodb/table:Table"
ROUTE = "aws:apigatewayv2/route:Route"
STAGE = "aws:apigatewayv2/stage:Stage"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPONENT = "qudag-mcp:index:AwsLambda"
EVERY_SHAPE = [
    {},
    {"websocket": True, "secrets": {"API_KEY": AWS_SECRET}},
    URL,
    {**URL, "access": Access(), "protect": True},
    {
        "config": NAMED,
        "certificate": AWS_CERTIFICATE,
    },
]


@pytest.mark.parametrize("changes", EVERY_SHAPE)
def test_every_policy_rule_passes(changes: dict[str, Any]):
    assert broken_policies(graph(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "base"),
    [
        ({}, "https://mcp-http-api.execute-api.eu-central-1.amazonaws.com"),
        (URL, "https://mcp-url.lambda-url.eu-central-1.on.aws"),
        (EVERY_SHAPE[-1], "https://mcp.example.com"),
    ],
)
def test_the_outputs_are_those_of_every_target_that_serves_mcp(changes: Any, base: str):
    outputs = graph(**changes).one(COMPONENT).outputs
    assert {key: outputs[key] for key in ("mcp_url", "prm_url", "issuer", "era")} == {
        "mcp_url": f"{base}/mcp",
        "prm_url": f"{base}/.well-known/oauth-protected-resource/mcp",
        "issuer": "https://issuer.example.com",
        "era": "dual",
    }


def test_the_websocket_api_says_where_it_is():
    url = graph(websocket=True).one(COMPONENT).outputs["websocket_url"]
    assert url == "wss://mcp-socket-api.execute-api.eu-central-1.amazonaws.com/mcp"
    assert graph().one(COMPONENT).outputs["websocket_url"] == ""


def test_the_function_is_the_deployment_patterns():
    made = function()
    assert (made["runtime"], made["architectures"]) == ("python3.13", ["arm64"])
    assert made["memorySize"] == 1024
    assert made["handler"] == "qudag_mcp_server.hosts.aws_lambda.handler"


def test_the_handler_and_the_wrapper_are_in_the_archive():
    module, _, name = HANDLER.removeprefix("qudag_mcp_server.").rpartition(".")
    adapter = importlib.import_module(f"runtime.{module}")
    assert callable(getattr(adapter, name))
    assert adapter.SECRETS == SECRETS_VARIABLE
    assert STREAMING_WRAPPER in {f"/var/task/{file}" for file in HOSTS["aws-lambda"].files}
    assert f"python{HOSTS['aws-lambda'].python}".startswith(f"{function()['runtime']}.")


def test_each_hop_outlives_the_tool_and_the_thirty_seconds_of_the_source_are_reached():
    made = graph(**slow(25))
    assert made.one(FUNCTION).inputs["timeout"] == 30
    assert (
        made.one("aws:apigatewayv2/integration:Integration").inputs["timeoutMilliseconds"] == 30_000
    )
    assert function(**URL, **slow(895))["timeout"] == 900


@pytest.mark.parametrize("websocket", [True, False])
def test_connections_are_kept_where_there_is_a_websocket_api(websocket: bool):
    made = graph(websocket=websocket, config=cloud_config(budget=BRIEF))
    tables = {table.name for table in made.all("aws:dynamodb/table:Table")}
    assert tables == {"mcp-sessions", *(["mcp-connections"] if websocket else [])}
    said = made.one(FUNCTION).inputs["environment"]["variables"]["QUDAG_MCP_CONFIG"]
    assert ("connections" in tomllib.loads(said)["state"]) is websocket


def test_every_role_may_do_exactly_what_it_is_for():
    made = graph(websocket=True, secrets={"API_KEY": AWS_SECRET})
    table = "arn:aws:dynamodb:eu-central-1:123456789012:table"
    queue = "arn:aws:sqs:eu-central-1:123456789012:mcp-dead-letters"
    logs = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/mcp:*"
    socket = "arn:aws:execute-api:eu-central-1:123456789012:mcp-socket-api"
    assert rights(made) == {
        "mcp-role": {
            ("logs:CreateLogStream", logs),
            ("logs:PutLogEvents", logs),
            ("dynamodb:GetItem", f"{table}/mcp-sessions"),
            ("dynamodb:UpdateItem", f"{table}/mcp-sessions"),
            ("dynamodb:DeleteItem", f"{table}/mcp-sessions"),
            ("dynamodb:GetItem", f"{table}/mcp-connections"),
            ("dynamodb:PutItem", f"{table}/mcp-connections"),
            ("dynamodb:DeleteItem", f"{table}/mcp-connections"),
            ("sqs:SendMessage", queue),
            ("secretsmanager:GetSecretValue", AWS_SECRET),
            ("execute-api:ManageConnections", f"{socket}/mcp/POST/@connections/*"),
        },
        "mcp-scheduler-role": {
            (
                "lambda:InvokeFunction",
                "arn:aws:lambda:eu-central-1:123456789012:function:mcp",
            ),
            ("sqs:SendMessage", queue),
        },
    }


def test_each_role_is_for_one_service():
    trusted = {
        role.name: json.loads(role.inputs["assumeRolePolicy"])["Statement"][0]["Principal"]
        for role in graph().all("aws:iam/role:Role")
    }
    assert trusted == {
        "mcp-role": {"Service": "lambda.amazonaws.com"},
        "mcp-scheduler-role": {"Service": "scheduler.amazonaws.com"},
    }


def test_the_function_waits_for_its_rights():
    made = graph()
    rights_urn = made.one("aws:iam/rolePolicy:RolePolicy", name="mcp-may-serve").urn
    assert rights_urn in made.one(FUNCTION).dependencies


def test_the_configuration_names_the_tables():
    made = graph()
    toml = made.one(FUNCTION).inputs["environment"]["variables"]["QUDAG_MCP_CONFIG"]
    assert 'kind = "dynamodb"' in toml
    for table in made.all(TABLE):
        assert f'"{table.inputs["name"]}"' in toml


def test_secrets_reach_the_function_by_name_and_never_by_value():
    variables = function(secrets={"API_KEY": AWS_SECRET})["environment"]["variables"]
    assert json.loads(variables["QUDAG_MCP_SECRETS"]) == {"API_KEY": AWS_SECRET}
    assert "QUDAG_MCP_SECRETS" not in function()["environment"]["variables"]


def test_a_domain_says_where_its_dns_must_point_to():
    outputs = graph(**EVERY_SHAPE[-1]).one(COMPONENT).outputs
    assert outputs["dns_target"] == "d-mcp-domain.execute-api.eu-central-1.amazonaws.com"
    mapping = graph(**EVERY_SHAPE[-1]).one("aws:apigatewayv2/apiMapping:ApiMapping").inputs
    assert (mapping["apiId"], mapping["stage"]) == ("mcp-http-api", "mcp-http-stage")
    assert graph().one(COMPONENT).outputs["dns_target"] == ""


def test_where_nothing_outlives_a_request_there_are_no_tables():
    modern = cloud_config(era="modern", budget=BRIEF)
    made = graph(config=modern)
    assert made.all(TABLE) == []
    variables = made.one(FUNCTION).inputs["environment"]["variables"]
    assert "[state]" not in variables["QUDAG_MCP_CONFIG"]
    assert len(graph(config=modern, websocket=True).all(TABLE)) == 2


def test_its_health_is_checked_every_five_minutes():
    schedule = graph().one("aws:scheduler/schedule:Schedule").inputs
    assert schedule["scheduleExpression"] == "rate(5 minutes)"
    assert json.loads(schedule["target"]["input"]) == {"action": "healthcheck"}


def test_a_health_check_that_failed_is_not_tried_again():
    made = graph()
    events = made.one("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
    assert events.inputs == {
        "functionName": made.one(FUNCTION).inputs["name"],
        "maximumRetryAttempts": 0,
        "maximumEventAgeInSeconds": 300,
    }
    assert events.urn in made.one("aws:scheduler/schedule:Schedule").dependencies


def test_both_tables_are_encrypted_and_recoverable_and_delete_expired_items():
    for table in graph().all(TABLE):
        assert table.inputs["serverSideEncryption"] == {"enabled": True}
        assert table.inputs["pointInTimeRecovery"] == {"enabled": True}
        assert table.inputs["billingMode"] == "PAY_PER_REQUEST"
        assert table.inputs["ttl"] == {"attributeName": "expires_at", "enabled": True}


@pytest.mark.parametrize("protect", [True, False])
def test_protect_covers_the_session_tables(protect: bool):
    for table in graph(protect=protect).all(TABLE):
        assert table.protect is protect
        assert table.inputs["deletionProtectionEnabled"] is protect


def test_the_bucket_of_the_archive_is_closed():
    made = graph()
    block = made.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert all(value for key, value in block.items() if key != "bucket")
    (statement,) = json.loads(made.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])[
        "Statement"
    ]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_another_archive_is_one_new_object_and_one_updated_function():
    other = Archive(path=ARCHIVE.path, digest="f" * 64)
    before, after = graph(), graph(archive=other)
    changed = {
        new.name
        for old, new in zip(before.resources, after.resources, strict=True)
        if old.inputs != new.inputs
    }
    assert changed == {"mcp-archive", "mcp-function"}
    key = after.one("aws:s3/bucketObjectv2:BucketObjectv2").inputs["key"]
    assert key == f"functions/mcp/{other.tag}.zip"
    assert after.one(FUNCTION).inputs["s3Key"] == key


def test_failures_throttles_slowness_and_dead_letters_raise_alarms():
    topic = "arn:aws:sns:eu-central-1:123456789012:oncall"
    alarms = {
        alarm.inputs["metricName"]: alarm.inputs for alarm in graph(alarm_topic=topic).all(ALARM)
    }
    assert set(alarms) == {
        "Errors",
        "Throttles",
        "Duration",
        "ApproximateNumberOfMessagesVisible",
    }
    assert alarms["Duration"]["threshold"] == 0.9 * 25_000
    assert all(alarm["alarmActions"] == [topic] for alarm in alarms.values())


def test_every_log_group_has_a_retention():
    kept = {
        g.inputs["retentionInDays"]
        for g in graph(log_retention_days=90).all("aws:cloudwatch/logGroup:LogGroup")
    }
    assert kept == {90}
