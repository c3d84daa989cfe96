"""Credentials are recognized by their values, whatever the variable is called; look-alikes pass."""

from __future__ import annotations

import base64
import json
import random
from typing import Any, Final

import pytest
import tomli_w

from components.base.credentials import contains_a_credential, looks_like_a_credential
from components.base.problems import ProblemReport
from stacks.config.validation import validate
from tests.harness.authority_certificate import CERTIFICATE
from tests.invalid.cases import changed

JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
CREDENTIALS: Final = {
    "a GitHub token": "ghp_0123456789abcdefghij0123456789abcdef",
    "a token of a GitHub app": "ghs_0123456789abcdefghij0123456789abcdef",
    "a fine-grained GitHub token": "github_pat_11ABCDEFG0abcdefghijkl_mnop",
    "a GitLab token": "glpat-abcdefghijklmnopqrst",
    "an Atlassian token": "ATATT3xFfGF0aBcDeF",
    "an OpenAI key": "sk-abcdefghijklmnopqrstuvwxyz012345",
    "an OpenAI key of a project": "sk-proj-abcdefghijklmnopqrstuv",
    "an Anthropic key": "sk-ant-api03-abcdefghijklmnop",
    "a Groq key": "gsk_abcdefgh",
    "a Hugging Face token": "hf_abcdefghijklmnopqrstuvwxyz",
    "an AWS key id": "AKIAIOSFODNN7EXAMPLE",
    "an AWS secret key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a Slack bot token": "xoxb-1234567890-abcdef",
    "a Slack app token": "xapp-1-A0-1-abcdef",
    "a Slack webhook": "https://hooks.slack.com/services/T0/B0/x",
    "a Discord webhook": "https://discord.com/api/webhooks/1/x",
    "a Stripe key": "sk_live_0123456789abcdef",
    "a webhook's secret": "whsec_abcdef",
    "a Google key": "AIzaSyA0123456789abcdefghijklmnopqrstu",
    "a Google client secret": "GOCSPX-abcdefghijkl",
    "an npm token": "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "a PyPI token": "pypi-AgEIcHlwaS5vcmcabcdef",
    "a Docker token": "dckr_pat_abcdefghijkl",
    "a Vault token": "hvs.CAESIabcdefghijklmnopqrst",
    "a SendGrid key": "SG.0123456789abcdefABCDEF.0123456789abcdef",
    "a bearer token": "Bearer hunter2",
    "a header with a bearer token": "Authorization: bearer abc.def",
    "basic authentication": "Basic dXNlcjpodW50ZXIy",
    "a JWT": JWT,
    "a JWT among other words": f"--header={JWT}",
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "a PuTTY key": "PuTTY-User-Key-File-3: ssh-ed25519",
    "a URL with a password": "postgres://app:hunter2@db:5432/app",
    "a URL with a password alone": "redis://:hunter2@cache:6379/0",
    "a URL whose password has reserved characters": "postgres://app:hun/te?r#2@db/app",
    "a URL with a token as its user": "https://0123abcd@git.example.com/a.git",
    "a token in a query": "https://example.com/feed?units=metric&access_token=hunter2",
    "a password in a connection string": "Server=db;User=app;Password=hunter2;",
    "a storage key": "AccountName=a;AccountKey=aGVsbG8=;EndpointSuffix=core.example",
    "a random text": "q8Zt3vLx1Rk9Wm5Yp7Nc2Bd4Fg6Hj0Ks",
    "a random text of 24": "q8Zt3vLx1Rk9Wm5Yp7Nc2Bd4",
    "a random text in base64": "m3Qf+8vK1x/Rz0pT5wYb9A==",
    "a random text in URL-safe base64": "x1-Zq8vLk_3Rw9Ym5Tp7Nc2Bd4Fg6Hj0KsUaEi",
    "a random text of small letters": "q8zt3vlx1rk9wm5yp7nc2bd4fg6hj0ks",
    "128 random bits in hex": "3f9c2a7be1d40586c7a9f01e5b2d8846",
    "256 random bits in hex": "3f9c2a7be1d40586c7a9f01e5b2d88463f9c2a7be1d40586c7a9f01e5b2d8846",
    "a random text after a name": "units=metric key=q8Zt3vLx1Rk9Wm5Yp7Nc2Bd4Fg6Hj0Ks",
    "a URL with a password in base64": base64.b64encode(b"postgres://a:hunter2@db/a").decode(),
}
HARMLESS: Final = {
    "nothing": "",
    "a word": "metric",
    "a number": "1700000000000",
    "a version": "2.3.1-rc.1+build.20261128",
    "a UUID": "123e4567-e89b-42d3-a456-426614174000",
    "a UUID in capitals": "123E4567-E89B-42D3-A456-426614174000",
    "an image digest": "sha256:3f9c2a7be1d40586c7a9f01e5b2d88463f9c2a7be1d40586c7a9f01e5b2d8846",
    "an image by digest": "ghcr.io/acme/weather:1@sha256:" + "3f9c2a7be1d40586" * 4,
    "a subresource's integrity": "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQ",
    "a commit": "797dbd3966015a8fea88f41ca8e302059cee5d3b",
    "a short commit": "797dbd3",
    "base64 of a short word": "aGVsbG8=",
    "base64 of short words": base64.b64encode(b"units: metric, place: Bern").decode(),
    "base64 of JSON": base64.b64encode(b'{"Units": "metric", "Days": 3}').decode(),
    "a URL": "https://api.weather.gov/v1/forecast?city=Bern&days=3",
    "a URL with a port": "http://collector.monitoring:4317/v1/traces",
    "a URL with a mail address in its query": "https://example.com:8443/send?to=a@example.com",
    "a URL with a user alone": "postgres://app@db:5432/app",
    "a repository over SSH": "ssh://git@github.com/acme/weather.git",
    "a URL with references": "postgres://${DB_USER}:${DB_PASSWORD}@db/app",
    "a header with a reference": "Bearer ${API_TOKEN}",
    "the word Basic": "Basic plan",
    "a path": "/opt/Weather/Data2026/Models/V2/ForecastGlobal",
    "a path in a bucket": "s3://acme-models/Weather/2026-11/GFS0p25/run-00",
    "a model": "meta-llama/Meta-Llama-3.1-70B-Instruct-GPTQ-INT4",
    "another model": "claude-sonnet-4-5-20250929",
    "a function's name": "getUserById2FromCacheV3",
    "a path with codes": "/opt/A1b2/C3d4/E5f6/G7h8/I9j0/K1l2",
    "a TLS policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ciphers": "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
    "an ARN": "arn:aws:sns:eu-west-1:123456789012:WeatherAlerts2026",
    "a resource of Azure": "/subscriptions/123e4567-e89b-42d3-a456-426614174000/resourceGroups/M",
    "a list": "one,two,three,four,five,six,seven,eight,nine,ten,eleven",
    "JSON": '{"units": "metric", "days": 3, "places": ["Bern", "Thun"]}',
    "a schedule": "*/15 6-22 * * MON-FRI",
    "a public key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0d a",
    "zeros": "0" * 64,
    "an IPv6 network": "2001:0db8:85a3:0000:0000:8a2e:0370:7334/64",
    "a sentence": "Answer in one sentence, and name the Source of each Number.",
}
PATH: Final = "qudag-mcp:servers.weather.env."


def names(table: dict[str, str]) -> dict[str, str]:
    """The values under names that say nothing."""
    return {f"SETTING_{number}": value for number, value in enumerate(table.values())}


def configuration(env: dict[str, str]) -> dict[str, Any]:
    server = {"image": "ghcr.io/acme/weather:1", "env": env}
    return changed("dev", {"servers": {"weather": server}})


@pytest.mark.parametrize("what", CREDENTIALS)
def test_a_credential_is_recognized_under_a_neutral_name(what: str):
    assert looks_like_a_credential("SETTING", CREDENTIALS[what])


@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_looks_like_a_credential_is_none(what: str):
    assert not looks_like_a_credential("SETTING", HARMLESS[what])


@pytest.mark.parametrize(
    "value",
    [
        CERTIFICATE,
        f"[traces]\n{tomli_w.dumps({'ca': CERTIFICATE})}",
        json.dumps({"ca": CERTIFICATE * 2}),
        CERTIFICATE.replace("\n", "\r\n"),
    ],
)
def test_a_certificate_is_no_credential_in_any_form_of_text(value: str):
    assert not looks_like_a_credential("SETTING", value)
    assert not contains_a_credential(value)


@pytest.mark.parametrize(
    "value",
    [
        CERTIFICATE + CREDENTIALS["a random text"],
        CERTIFICATE + CREDENTIALS["a private key"],
        CERTIFICATE.replace("MI", "Pq8", 1),
        CERTIFICATE.replace("-----END", "\n" + CREDENTIALS["an OpenAI key of a project"] + "\n--"),
    ],
)
def test_a_credential_beside_a_certificate_is_one(value: str):
    assert looks_like_a_credential("SETTING", value)


def test_a_server_is_refused_every_credential_in_its_variables_at_once():
    env = names(CREDENTIALS)
    with pytest.raises(ProblemReport) as report:
        validate(configuration(env), stack="dev")
    assert [problem.path for problem in report.value.problems] == [PATH + name for name in env]
    for problem in report.value.problems:
        assert "write SECRET/KEY in secretEnv" in problem.fix
    shown = str(report.value)
    assert [value for value in CREDENTIALS.values() if value in shown] == []


def test_a_server_may_have_the_harmless_look_alikes_in_its_variables():
    given = validate(configuration(names(HARMLESS)), stack="dev")
    assert given.servers["weather"].env == names(HARMLESS)


@pytest.mark.parametrize(
    "name", ["IMAGE_DIGEST", "FILE_SHA256", "GIT_COMMIT", "VAPID_PUBLIC_KEY", "CONTENT_HASH"]
)
def test_a_name_that_says_digest_or_public_key_may_have_random_text(name: str):
    for value in (CREDENTIALS["256 random bits in hex"], CREDENTIALS["a random text"]):
        assert not looks_like_a_credential(name, value)
        assert looks_like_a_credential("SETTING", value)
    assert looks_like_a_credential(name, CREDENTIALS["a GitHub token"])


def test_an_identifier_may_be_hex_and_nothing_else():
    hexadecimal, random_text = (
        CREDENTIALS[f"{w}"] for w in ("128 random bits in hex", "a random text")
    )
    assert not looks_like_a_credential("TENANT_ID", hexadecimal)
    assert looks_like_a_credential("TENANT_ID", random_text)
    assert looks_like_a_credential("GRID", hexadecimal)


@pytest.mark.parametrize("size", [24, 32, 48])
def test_most_random_texts_are_recognized(size: int):
    """256 bits and more nearly always; of a shorter text a part looks like words."""
    source = random.Random(size)
    written: list[str] = []
    for _ in range(400):
        text = source.randbytes(size)
        written.append(text.hex())
        written += [base64.b64encode(text).decode(), base64.urlsafe_b64encode(text).decode()]
    found = sum(looks_like_a_credential("SETTING", text) for text in written)
    assert found / len(written) > (0.98 if size > 24 else 0.95)
