"""Tokens as passwords: the same requests and signatures as the clouds' own libraries, renewed."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime import aws_tokens, azure_tokens
from runtime.aws_credentials import Credentials, RenewedCredentials
from runtime.azure_tokens import POSTGRESQL, entra_token
from runtime.google_tokens import access_token
from runtime.renewed_token import RenewedToken, Token, TokenError
from tests.harness.token_services import Asked, TokenService, token_service

HOST = "db.abcdefghijkl.eu-west-1.rds.amazonaws.com"
NOW = datetime(2026, 11, 29, 2, 30, 1, tzinfo=UTC)
KEYS = {
    "a user": Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    "a role": Credentials("ASIDEXAMPLE", "secret/of+role", "IQoJb3JpZ2luX2VjE+/=="),
}
VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"),
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"),
    *("MSI_ENDPOINT", "GCE_METADATA_HOST", "HTTPS_PROXY", "https_proxy"),
)
EXPIRATION = "2126-11-29T03:30:00Z"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service() -> Generator[TokenService]:
    with token_service(lambda _: (200, {})) as running:
        yield running


def signer(credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session of botocore with these credentials, for which it is NOW."""
    import botocore.auth
    import botocore.session

    def now(*_: Any, **__: Any) -> datetime:
        return NOW.replace(tzinfo=None)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)
    session: Any = botocore.session.Session()
    session.set_credentials(credentials.key, credentials.secret, credentials.session or None)
    return session


@pytest.mark.slow
@pytest.mark.parametrize("credentials", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize("user", ["qudag", "qudag mcp+ü/~"])
def test_the_password_of_rds_is_byte_for_byte_what_botocore_signs(
    credentials: Credentials, user: str, monkeypatch: pytest.MonkeyPatch
):
    client = signer(credentials, monkeypatch).create_client("rds", region_name="eu-west-1")
    theirs = client.generate_db_auth_token(DBHostname=HOST, Port=5432, DBUsername=user)
    ours = aws_tokens.signed_url(
        f"{HOST}:5432",
        "rds-db",
        {"Action": "connect", "DBUser": user},
        "eu-west-1",
        credentials,
        NOW,
    )
    assert ours == theirs


def test_each_password_of_rds_is_signed_anew_for_the_region_of_the_host():
    asked: list[str] = []

    def credentials(region: str) -> Credentials:
        asked.append(region)
        return KEYS["a role"]

    password = aws_tokens.rds_password(HOST, 5432, "qudag", credentials=credentials)
    assert "%2Feu-west-1%2Frds-db%2F" in password()
    password()
    assert asked == ["eu-west-1", "eu-west-1"]


def test_a_host_of_a_name_of_yours_takes_the_region_from_the_setting_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
):
    with pytest.raises(TokenError, match="set region or AWS_REGION"):
        aws_tokens.region_of("db.example.com", None)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert aws_tokens.region_of("db.example.com", None) == "eu-central-1"
    assert aws_tokens.region_of("db.example.com", "us-east-1") == "us-east-1"


STS = f"""
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult><Credentials>
    <AccessKeyId>ASIDEXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
    <SessionToken>session</SessionToken><Expiration>{EXPIRATION}</Expiration>
  </Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>
"""


@pytest.mark.slow
def test_a_role_is_assumed_with_the_request_that_botocore_sends(
    service: TokenService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import botocore.session

    service.answer = lambda _: (200, STS)
    (tmp_path / "token").write_text("the.pods.token\n")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/server")
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "pod")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", service.url)
    ours = RenewedCredentials(now=NOW.timestamp)("eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    (tmp_path / "token").write_text("the.pods.token")  # botocore sends the line break too
    session: Any = botocore.session.Session()
    theirs = session.get_credentials().get_frozen_credentials()
    assert (ours.key, ours.secret, ours.session) == (
        *(theirs.access_key, theirs.secret_key, theirs.token),
    )
    sent, wanted = service.asked
    assert (sent.method, sent.path, sent.form) == (wanted.method, wanted.path, wanted.form)
    assert sent.form["WebIdentityToken"] == "the.pods.token"


@pytest.mark.slow
def test_credentials_of_a_task_are_asked_for_as_botocore_asks(
    service: TokenService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import botocore.session

    service.answer = lambda _: (
        200,
        {
            "AccessKeyId": "ASIDEXAMPLE",
            "SecretAccessKey": "secret",
            "Token": "session",
            "Expiration": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        },
    )
    (tmp_path / "token").write_text("the.pods.token")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{service.url}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    ours = RenewedCredentials()("eu-west-1")
    theirs: Any = botocore.session.Session()
    assert ours.session == theirs.get_credentials().token
    sent, wanted = service.asked
    assert (sent.method, sent.path) == (wanted.method, wanted.path)
    assert sent.headers["authorization"] == wanted.headers["authorization"] == "the.pods.token"


def test_a_server_that_is_not_of_aws_gets_no_token(
    service: TokenService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.169.254/latest")
    with pytest.raises(TokenError, match="is no server of AWS"):
        RenewedCredentials()("eu-west-1")


@pytest.mark.slow
def test_google_clouds_token_is_asked_for_as_googles_library_asks(
    service: TokenService, monkeypatch: pytest.MonkeyPatch
):
    from google.auth.compute_engine import _metadata
    from google.auth.transport.requests import Request

    service.answer = lambda _: (200, {"access_token": "ya29.token", "expires_in": 3599})
    monkeypatch.setenv("GCE_METADATA_HOST", service.host)
    assert access_token() == Token("ya29.token", 3599)
    library: Any = _metadata

    def root(*_: Any) -> str:
        return f"{service.url}/computeMetadata/v1/"

    monkeypatch.setattr(library, "_get_metadata_root", root)
    assert library.get_service_account_token(Request())[0] == "ya29.token"
    sent, wanted = service.asked[0], service.asked[-1]
    assert (sent.method, sent.path, sent.query) == (wanted.method, wanted.path, wanted.query)
    assert sent.headers["metadata-flavor"] == wanted.headers["metadata-flavor"] == "Google"


ENTRA = (200, {"access_token": "eyJ.token", "expires_in": 86399, "token_type": "Bearer"})


@pytest.mark.slow
def test_a_workload_identity_is_exchanged_as_azures_library_does(
    service: TokenService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from azure.core.pipeline.transport import RequestsTransport
    from azure.identity import WorkloadIdentityCredential

    class ToTheStandIn(RequestsTransport):
        def send(self, request: Any, **options: Any) -> Any:
            assert request.url.startswith("https://login.microsoftonline.com/")
            request.url = request.url.replace("https://login.microsoftonline.com", service.url)
            parent: Any = super()
            return parent.send(request, **options)

    service.answer = lambda _: ENTRA
    (tmp_path / "token").write_text("the.pods.token")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AZURE_TENANT_ID", "0a1b2c3d-0000-4000-8000-0123456789ab")
    monkeypatch.setenv("AZURE_CLIENT_ID", "0a1b2c3d-0000-4000-8000-0123456789cd")
    theirs = WorkloadIdentityCredential(transport=ToTheStandIn())
    assert theirs.get_token(f"{POSTGRESQL}/.default").token == "eyJ.token"
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"{service.url}/")
    assert entra_token(POSTGRESQL) == Token("eyJ.token", 86399)
    wanted, sent = service.asked[-2:]
    assert (sent.method, sent.path) == (wanted.method, wanted.path)
    assert sent.form == {name: wanted.form[name] for name in sent.form}
    assert set(wanted.form) - set(sent.form) <= {"client_info"}


@pytest.mark.slow
@pytest.mark.parametrize("host", ["container app", "machine"])
@pytest.mark.parametrize("client", [None, "0a1b2c3d-0000-4000-8000-0123456789cd"])
def test_a_managed_identity_is_asked_for_as_azures_library_asks(
    service: TokenService, host: str, client: str | None, monkeypatch: pytest.MonkeyPatch
):
    from azure.identity import ManagedIdentityCredential

    service.answer = lambda _: (
        200,
        ENTRA[1] | {"resource": POSTGRESQL, "expires_on": "9999999999"},
    )
    if host == "machine":
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", service.url)
        path = azure_tokens.MACHINE.removeprefix("http://169.254.169.254")
        monkeypatch.setattr(azure_tokens, "MACHINE", f"{service.url}{path}")
    else:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{service.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "key")
    if client:
        monkeypatch.setenv("AZURE_CLIENT_ID", client)
    theirs = ManagedIdentityCredential(client_id=client)
    assert theirs.get_token(f"{POSTGRESQL}/.default").token == "eyJ.token"
    assert entra_token(POSTGRESQL).text == "eyJ.token"
    wanted, sent = service.asked[-2:]
    assert (sent.method, sent.path, sent.query) == (wanted.method, wanted.path, wanted.query)
    for name in ("metadata", "x-identity-header"):
        assert sent.headers.get(name) == wanted.headers.get(name)


def test_a_token_is_renewed_before_it_expires_and_kept_while_the_service_fails():
    clock = [0.0]
    answers: list[Token | TokenError] = [Token("first", 3600), TokenError("down")]

    def fetch() -> Token:
        answer = answers[0] if len(answers) == 1 else answers.pop(0)
        if isinstance(answer, TokenError):
            raise answer
        return answer

    password = RenewedToken(fetch, early=300, now=lambda: clock[0])
    assert password() == "first"
    clock[0] = 3299
    assert (password(), len(answers)) == ("first", 1)  # not asked again
    clock[0] = 3301
    assert password() == "first"  # asked, no answer, and it can still be used
    clock[0] = 3601
    with pytest.raises(TokenError, match="down"):
        password()
    answers[:] = [Token("second", 100)]
    assert password() == "second"
    clock[0] += 49
    answers[:] = [Token("third", 100)]
    assert password() == "second"  # a short life is not renewed in its first half
    clock[0] += 2
    assert password() == "third"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((403, {"error": "forbidden", "error_description": "secret-text"}), "403 (forbidden)"),
        ((200, "no json"), "answered no JSON object"),
        ((200, {"token": "x"}), "answered without a token"),
        ((302, ""), "answered 302"),
    ],
)
def test_a_service_that_refuses_is_named_without_what_it_says(
    service: TokenService, answer: Any, said: str, monkeypatch: pytest.MonkeyPatch
):
    service.answer = lambda _: answer
    monkeypatch.setenv("GCE_METADATA_HOST", service.host)
    with pytest.raises(TokenError) as refused:
        access_token()
    assert said in str(refused.value)
    assert "secret-text" not in str(refused.value)


def test_a_service_that_fails_once_is_asked_again(
    service: TokenService, monkeypatch: pytest.MonkeyPatch
):
    def answer(_: Asked) -> Any:
        busy = len(service.asked) == 1
        return (503, "") if busy else (200, {"access_token": "ya29.token", "expires_in": 60})

    service.answer = answer
    monkeypatch.setenv("GCE_METADATA_HOST", service.host)
    assert access_token().text == "ya29.token"
