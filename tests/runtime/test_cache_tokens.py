"""Tokens as passwords of caches, compared with the clouds' own libraries."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from runtime import aws_tokens
from runtime.aws_credentials import Credentials
from runtime.azure_tokens import REDIS, entra_token
from runtime.redis_config import RedisSection
from runtime.renewed_token import RETRY_SECONDS, RenewedToken, Token, TokenError
from runtime.token_sources import cache_token
from runtime.valkey_client import client
from tests.harness.certificates import Authority
from tests.harness.token_services import TokenService, token_service

NOW = datetime(2026, 11, 29, 2, 30, 1, tzinfo=UTC)
OBJECT = "0a1b2c3d-0000-4000-8000-0123456789ef"


@pytest.fixture
def service() -> Generator[TokenService]:
    with token_service(lambda _: (200, {})) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("session", ["", "IQoJb3JpZ2luX2VjE+/=="])
def test_the_token_of_elasticache_is_byte_for_byte_what_botocore_signs(
    session: str, monkeypatch: pytest.MonkeyPatch
):
    import botocore.auth
    import botocore.session
    from botocore.model import ServiceId
    from botocore.signers import RequestSigner

    def now(*_: Any, **__: Any) -> datetime:
        return NOW.replace(tzinfo=None)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", now)
    theirs: Any = botocore.session.Session()
    theirs.set_credentials("ASIDEXAMPLE", "secret/of+role", session or None)
    signer: Any = RequestSigner(
        ServiceId("elasticache"),
        "eu-west-1",
        "elasticache",
        "v4",
        theirs.get_credentials(),
        theirs.get_component("event_emitter"),
    )
    query = {"Action": "connect", "User": "qudag-user"}
    wanted = signer.generate_presigned_url(
        {
            "method": "GET",
            "url": f"https://qudag-cache/?{urlencode(query)}",
            "body": {},
            "headers": {},
            "context": {},
        },
        operation_name="connect",
        expires_in=900,
        region_name="eu-west-1",
    )
    ours = aws_tokens.signed_url(
        "qudag-cache",
        "elasticache",
        query,
        "eu-west-1",
        Credentials("ASIDEXAMPLE", "secret/of+role", session),
        NOW,
    )
    assert ours == wanted.removeprefix("https://")


def test_a_token_of_elasticache_names_cache_user_and_region_and_ends_with_its_credentials():
    expiry: list[float | None] = [None]

    def credentials(region: str) -> Credentials:
        assert region == "eu-west-1"
        return Credentials("AKIDEXAMPLE", "secret", expires_at=expiry[0])

    token = aws_tokens.elasticache_token(
        "qudag-cache", "qudag-user", "eu-west-1", credentials=credentials
    )
    text, seconds = token()
    assert text.startswith("qudag-cache/?Action=connect&User=qudag-user&")
    assert "%2Feu-west-1%2Felasticache%2F" in text
    assert seconds == 900
    expiry[0] = datetime.now(UTC).timestamp() + 60
    assert 55 < token().seconds <= 60


@pytest.mark.slow
def test_an_entra_token_for_redis_is_asked_for_as_azures_library_asks(
    service: TokenService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from azure.core.pipeline.transport import RequestsTransport
    from azure.identity import WorkloadIdentityCredential

    class ToTheStandIn(RequestsTransport):
        def send(self, request: Any, **options: Any) -> Any:
            request.url = request.url.replace("https://login.microsoftonline.com", service.url)
            parent: Any = super()
            return parent.send(request, **options)

    service.answer = lambda _: (
        200,
        {"access_token": "eyJ.token", "expires_in": 86399, "token_type": "Bearer"},
    )
    (tmp_path / "token").write_text("the.pods.token")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AZURE_TENANT_ID", "0a1b2c3d-0000-4000-8000-0123456789ab")
    monkeypatch.setenv("AZURE_CLIENT_ID", "0a1b2c3d-0000-4000-8000-0123456789cd")
    monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
    theirs = WorkloadIdentityCredential(transport=ToTheStandIn())
    assert theirs.get_token("https://redis.azure.com/.default").token == "eyJ.token"
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", service.url)
    assert entra_token(REDIS) == Token("eyJ.token", 86399)
    wanted, sent = service.asked[-2:]
    assert (sent.method, sent.path) == (wanted.method, wanted.path)
    assert sent.form == {name: wanted.form[name] for name in sent.form}
    assert sent.form["scope"] == "https://redis.azure.com/.default"


def test_memorystore_gets_the_access_token_of_the_metadata_server(
    service: TokenService, monkeypatch: pytest.MonkeyPatch
):
    service.answer = lambda _: (200, {"access_token": "ya29.cache", "expires_in": 3599})
    monkeypatch.setenv("GCE_METADATA_HOST", service.host)
    cache_token.cache_clear()
    token = RedisSection(host="localhost", token="memorystore").cloud_token()
    assert token is not None
    assert token() == "ya29.cache"
    assert cache_token("memorystore", None, None, None) is token  # one for all connections
    cache_token.cache_clear()


def test_a_failed_renewal_is_tried_again_after_a_while_and_the_former_token_held():
    clock, asked = [0.0], [0]

    def fetch() -> Token:
        asked[0] += 1
        if asked[0] > 1:
            raise TokenError("down")
        return Token("first", 3600)

    token = RenewedToken(fetch, now=lambda: clock[0])
    assert (token.held(), token.due) == (None, True)
    token()
    clock[0] = 3301
    assert (token.held(), token.due) == ("first", True)
    token()
    assert (token.due, asked) == (False, [2])
    token()
    assert asked == [2]
    clock[0] += RETRY_SECONDS
    assert token.due
    clock[0] = 3600
    assert token.held() is None


ELASTICACHE = {
    "host": "master.qudag-cache.abc123.euw1.cache.amazonaws.com",
    "token": "elasticache",
    "user": "qudag-user",
    "cache_name": "qudag-cache",
    "region": "eu-west-1",
    "public_authorities": True,
}
AZURE = {
    "host": "qudag.westeurope.redis.azure.net",
    "token": "azure",
    "user": OBJECT,
    "public_authorities": True,
}
MEMORYSTORE = {"host": "10.0.0.5", "token": "memorystore", "ca_file": "/etc/cache-ca/ca.crt"}


@pytest.mark.parametrize("section", [ELASTICACHE, AZURE, MEMORYSTORE])
def test_a_section_for_each_cloud_is_accepted(section: dict[str, Any]):
    assert RedisSection.model_validate(section).cloud_token() is not None


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (ELASTICACHE | {"cache_name": None}, "cache_name is missing"),
        (ELASTICACHE | {"user": None}, "user is missing"),
        (ELASTICACHE | {"cache_name": "UPPER"}, "cache_name"),
        (ELASTICACHE | {"region": "europe"}, "region"),
        (ELASTICACHE | {"public_authorities": False}, "sent to whoever answers"),
        (ELASTICACHE | {"password_env": "PASSWORD"}, "there is a password: leave one out"),
        (ELASTICACHE | {"sentinels": ["a:26379"]}, "there are sentinels: leave one out"),
        (ELASTICACHE | {"ca_file": "/ca"}, "set ca_file or public_authorities, not both"),
        (AZURE | {"user": None}, "user is missing"),
        (AZURE | {"region": "eu-west-1"}, "token is not elasticache: leave region out"),
        (MEMORYSTORE | {"ca_file": None}, "sent to whoever answers"),
        (
            MEMORYSTORE | {"ca_file": None, "public_authorities": True},
            "any server with a public certificate would get the token",
        ),
        ({"host": "h", "cache_name": "qudag-cache"}, "leave cache_name out"),
        ({"host": "h", "token": "rds"}, "token"),
    ],
)
def test_a_section_by_which_a_token_could_leak_or_is_useless_is_refused(
    section: dict[str, Any], said: str
):
    with pytest.raises(ValidationError, match=said):
        RedisSection.model_validate(section)


@pytest.mark.parametrize(
    ("section", "names"), [(ELASTICACHE, True), (AZURE, True), (MEMORYSTORE, False)]
)
def test_certificates_are_verified_and_names_where_the_certificate_has_one(
    section: dict[str, Any], names: bool, tmp_path: Path
):
    import ssl

    file = Authority.at(tmp_path).ca_file
    given = section | ({"ca_file": file} if "ca_file" in section else {})
    pool: Any = client(RedisSection.model_validate(given)).connection_pool
    context = pool.make_connection()._connection_arguments()["ssl"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is names
    subjects = [each["subject"] for each in context.get_ca_certs()]
    own = ((("commonName", "test authority"),),)
    assert (subjects == [own]) is ("ca_file" in section)
