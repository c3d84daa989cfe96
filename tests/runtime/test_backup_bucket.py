"""Buckets without a key: a pod with a role of AWS asks the token service of its own region."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.backup_bucket import open_bucket
from runtime.backup_config import BackupSection

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
STS = "AWS_ENDPOINT_URL_STS"
SECTION = BackupSection(stack="a", url="s3://qudag-backups/prod", region="eu-west-1")


@pytest.fixture(autouse=True)
def pod(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that the webhook of EKS adds to pods in Frankfurt."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/qudag-backup")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/token")
    monkeypatch.setenv(STS, "")  # restored after the test
    monkeypatch.delenv(STS)


def test_a_pod_asks_the_token_service_of_its_own_region():
    open_bucket(SECTION)
    assert os.environ[STS] == "https://sts.eu-central-1.amazonaws.com"


def test_another_address_of_the_token_service_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(STS, "https://vpce-1.sts.eu-central-1.vpce.amazonaws.com")
    open_bucket(SECTION)
    assert os.environ[STS].startswith("https://vpce-1.")


def test_a_key_asks_no_token_service(tmp_path: Path):
    (tmp_path / "key").write_text("k")
    files = {"access_key_file": tmp_path / "key", "secret_key_file": tmp_path / "key"}
    open_bucket(SECTION.model_copy(update=files))
    assert STS not in os.environ
