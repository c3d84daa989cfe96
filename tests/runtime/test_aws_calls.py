"""AWS calls without an answer end within their time limits."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Generator

import anyio
import pytest
from moto import mock_aws

from runtime.hosts import aws_lambda, aws_websocket
from runtime.stores.aws import client
from runtime.stores.dynamodb import DynamoDb, DynamoSessions
from runtime.toml_config import StartError
from tests.harness.dynamodb import CREDENTIALS, REGION

ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (CREDENTIALS | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """The address of an AWS that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "http://{}:{}".format(*server.getsockname())
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield address


def test_all_secrets_that_time_out_are_reported_at_once(
    silent: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(aws_lambda, "SECRETS_WITHIN_SECONDS", 0.3)
    monkeypatch.setenv(aws_lambda.SECRETS, json.dumps({"ONE": ARN + "one", "TWO": ARN + "two"}))
    began = time.monotonic()
    with pytest.raises(StartError) as told:
        aws_lambda.resolve_secrets()
    assert time.monotonic() - began < 2
    assert str(told.value).splitlines() == [
        f"QUDAG_MCP_SECRETS: {name}: Secrets Manager did not answer within 0.3 s"
        for name in ("ONE", "TWO")
    ]


def test_a_secret_that_aws_refuses_is_reported_with_awss_message(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(aws_lambda.SECRETS, json.dumps({"ONE": ARN + "none"}))
    with mock_aws(), pytest.raises(StartError, match=r"ONE: .*ResourceNotFoundException"):
        aws_lambda.resolve_secrets()


async def test_a_call_of_a_store_ends_with_the_time_of_its_request(silent: str):
    sessions = DynamoSessions(DynamoDb(REGION), "sessions")
    _ = sessions.call.client  # the SDK's own time to load is not what is asked here
    began = time.monotonic()
    with anyio.move_on_after(0.2) as limit:
        await sessions.find("s")
    assert limit.cancelled_caught
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("service", ["dynamodb", "secretsmanager", "apigatewaymanagementapi"])
def test_a_call_without_an_answer_ends_within_the_start_limit(service: str):
    config = client(service).meta.config
    once = config.connect_timeout + config.read_timeout
    assert once * config.retries["total_max_attempts"] < 10


def test_every_client_of_the_hosts_is_a_brief_one(silent: str):
    clients = [DynamoDb(REGION).client, aws_websocket._client(silent)]  # pyright: ignore[reportPrivateUsage]
    briefly = client("secretsmanager").meta.config
    assert {made.meta.config.read_timeout for made in clients} == {briefly.read_timeout}
