"""A password in AWS Secrets Manager: signed as botocore signs, read anew, never without TLS."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runtime.aws_credentials import Credentials
from runtime.aws_secrets import CONTENT_TYPE, TARGET, secret_password, signed_headers
from runtime.database_pool import connection_options
from runtime.renewed_token import TokenError
from runtime.store_config import PostgresSection
from runtime.toml_config import ConfigError, validated
from tests.harness.token_services import Asked, TokenService, token_service

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0a1b2c3d-a1B2c3"
HOST = "secretsmanager.eu-west-1.amazonaws.com"
NOW = datetime(2026, 11, 29, 2, 30, 1, tzinfo=UTC)
KEYS = {
    "a user": Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    "a role": Credentials("ASIDEXAMPLE", "secret/of+role", "IQoJb3JpZ2luX2VjE+/=="),
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def section(**changes: Any) -> PostgresSection:
    given = {"host": "db", "name": "qudag_mcp", "user": "qudag", "password_secret": ARN}
    return validated("server.toml", {**given, "ca_env": "AUTHORITY", **changes}, PostgresSection)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Generator[TokenService]:
    answer = {"SecretString": json.dumps({"username": "qudag", "password": "of-the-secret"})}
    with token_service(lambda _: (200, answer)) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", running.url)
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("credentials", KEYS.values(), ids=KEYS)
def test_the_request_is_signed_as_botocore_signs_it(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    def now(*_: Any, **__: Any) -> datetime:
        return NOW.replace(tzinfo=None)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)
    body = json.dumps({"SecretId": ARN}).encode()
    request: Any = botocore.awsrequest.AWSRequest(
        "POST",
        f"https://{HOST}/",
        headers={"Content-Type": CONTENT_TYPE, "X-Amz-Target": TARGET},
        data=body,
    )
    theirs = botocore.credentials.Credentials(
        credentials.key, credentials.secret, credentials.session or None
    )
    signer: Any = botocore.auth.SigV4Auth(theirs, "secretsmanager", "eu-west-1")
    signer.add_auth(request)
    ours = signed_headers(HOST, "eu-west-1", body, credentials, NOW)
    assert ours["authorization"] == request.headers["Authorization"]


def test_the_password_is_that_of_the_secret(service: TokenService):
    read = secret_password(ARN, lambda _: KEYS["a role"])
    assert [read(), read()] == ["of-the-secret", "of-the-secret"]
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/")
    assert asked.headers["x-amz-target"] == TARGET
    assert asked.headers["x-amz-security-token"] == KEYS["a role"].session


@pytest.mark.parametrize("answer", [{}, {"SecretString": "plain"}, {"SecretString": '{"a": 1}'}])
def test_a_secret_without_a_password_is_an_error_without_its_content(
    answer: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    def answered(_: Asked) -> tuple[int, Any]:
        return 200, answer

    with token_service(answered) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", running.url)
        with pytest.raises(TokenError) as refused:
            secret_password(ARN, lambda _: KEYS["a user"])()
    assert ARN in str(refused.value)
    assert "plain" not in str(refused.value)


def test_connections_verify_the_authorities_in_the_variable(
    service: TokenService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUTHORITY", PEM)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    options = connection_options(section())
    assert options["password"] == "of-the-secret"
    assert options["sslmode"] == "verify-full"
    assert Path(options["sslrootcert"]).read_text() == PEM
    assert service.asked


def test_a_missing_variable_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AUTHORITY", raising=False)
    with pytest.raises(OSError, match="AUTHORITY is not set"):
        section().authorities()


@pytest.mark.parametrize(
    "changes",
    [
        {"ca_env": None},
        {"ca_file": "/etc/ca.crt"},
        {"token": "rds"},
        {"password_env": "PGPASSWORD"},
        {"password_secret": "hunter2"},
    ],
)
def test_two_passwords_or_no_authority_are_refused(changes: dict[str, Any]):
    with pytest.raises(ConfigError):
        section(**changes)
