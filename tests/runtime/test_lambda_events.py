"""Lambda events in AWS's documented form become requests, and responses become payloads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session
from moto import mock_aws

from runtime.hosts.aws_lambda import SECRETS, handler, head_of, request_of, resolve_secrets
from runtime.hosts.bridge import Answer
from runtime.toml_config import ConfigError

EVENTS = Path(__file__).parent / "events"


def event(name: str, **changed: Any) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text()) | changed


def test_an_http_apis_event_is_a_request():
    request = request_of(event("http-api"))
    assert (request.method, request.path, request.query) == ("POST", "/mcp", "a=1&b=%2F")
    assert dict(request.headers)["authorization"] == "Bearer token"
    assert dict(request.headers)["cookie"] == "first=1; second=2"
    assert request.body == b'{"jsonrpc":"2.0"}'


def test_a_function_urls_event_is_the_same_request_with_its_body_decoded():
    request = request_of(event("function-url"))
    assert (request.method, request.path, request.query) == ("POST", "/mcp", "")
    assert request.body == b'{"jsonrpc":"2.0"}'


@pytest.mark.parametrize("endpoint", ["http-api", "function-url"])
def test_the_host_is_domain_name_of_the_event_not_the_host_header(endpoint: str):
    named = event(endpoint)
    named["headers"]["host"] = "another.lambda-url.eu-central-1.on.aws"
    hosts = [value for name, value in request_of(named).headers if name == "host"]
    assert hosts == [named["requestContext"]["domainName"]]


def test_a_request_without_a_body_has_an_empty_one():
    bare = event("http-api")
    del bare["body"], bare["cookies"]
    assert request_of(bare).body == b""


def test_a_path_is_decoded_once():
    assert request_of(event("function-url", rawPath="/a%2520b")).path == "/a%20b"


def test_headers_that_repeat_are_joined_and_cookies_kept_apart():
    headers = [("vary", "a"), ("vary", "b"), ("set-cookie", "x=1"), ("set-cookie", "y=2")]
    assert head_of(Answer(200, headers, iter([b""]))) == {
        "statusCode": 200,
        "headers": {"vary": "a, b"},
        "cookies": ["x=1", "y=2"],
    }


def test_an_unknown_kind_of_event_is_an_error():
    with pytest.raises(ValueError, match="unknown kind of event, with the keys Records"):
        handler({"Records": []}, None)  # pyright: ignore[reportArgumentType]


def test_secrets_fill_the_variables_that_name_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    for name in ("PLAIN", "KEYED"):
        monkeypatch.setenv(name, "")
    with mock_aws():
        session: Any = Session()
        client: Any = session.create_client("secretsmanager")
        plain = client.create_secret(Name="plain", SecretString="first")["ARN"]
        keyed = client.create_secret(Name="keyed", SecretString='{"password": "second"}')["ARN"]
        wanted = {"PLAIN": plain, "KEYED": f"{keyed}:password::"}
        monkeypatch.setenv(SECRETS, json.dumps(wanted))
        resolve_secrets()
        monkeypatch.setenv(SECRETS, json.dumps({"KEYED": f"{keyed}:pasword"}))
        with pytest.raises(ConfigError, match="KEYED: the secret has no key pasword"):
            resolve_secrets()
    assert (os.environ["PLAIN"], os.environ["KEYED"]) == ("first", "second")
