"""The archive for support has what was read, and no text that looks like a secret."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from delivery.diagnosis import causes
from delivery.diagnosis.bundle import HIDDEN, without_secrets, write
from delivery.diagnosis.evidence import Evidence

from .test_causes import PASSWORDS, pod


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abc.def-123", "abc.def-123"),
        ("token eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln used", "eyJhbGciOiJFUzI1NiJ9"),
        ("postgresql://qudag:s3cret@db:5432/x", "s3cret"),
        ("PGPASSWORD=s3cret psql", "s3cret"),
        ('{"password": "s3cret", "user": "a"}', "s3cret"),
        ("api_key: s3cret", "s3cret"),
        ("redis://:s3cret@redis:6379/0", "s3cret"),
        ("Authorization: Basic cXVkYWc6czNjcmV0", "cXVkYWc6czNjcmV0"),
        ("Set-Cookie: session=s3cret", "s3cret"),
        ("ALTER ROLE qudag PASSWORD 's3cret'", "s3cret"),
        ("pushed with ghp_0123456789abcdef", "0123456789abcdef"),
        ('{"said": "{\\"dbPassword\\": \\"s3cret\\"}"}', "s3cret"),
        ('password: "two words s3cret"', "s3cret"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----", "MHc"),
    ],
)
def test_texts_of_secrets_are_hidden(text: str, secret: str):
    assert secret not in without_secrets(text)
    assert HIDDEN in without_secrets(text)


def test_objects_with_hidden_texts_are_still_json():
    thing = {"env": [{"name": "A", "value": "password=s3cret"}], "password": "s3cret", "token": "a"}
    assert json.loads(without_secrets(json.dumps(thing, indent=1))) == {
        "env": [{"name": "A", "value": f"password={HIDDEN}"}],
        "password": HIDDEN,
        "token": HIDDEN,
    }


def test_other_texts_stay():
    for text in ("the token is refused", 'secret "passwords" not found', "passwordless login"):
        assert without_secrets(text) == text


def test_the_archive_is_for_its_owner_and_has_everything(tmp_path: Path):
    talking = pod(state={"running": {}})
    talking["metadata"]["managedFields"] = ["long"]
    talking["metadata"]["annotations"] = {"last-applied-configuration": "old", "kept": "yes"}
    evidence = Evidence(
        ["mcp"],
        required=[PASSWORDS],
        keys={PASSWORDS.reference: None},
        objects={"pods": [talking]},
        logs={("mcp", "server-1", "server"): "password=s3cret\n"},
        unread={"nodes": "forbidden"},
    )
    file = tmp_path / "bundle.tar.gz"
    file.write_text("older")
    assert write(file, evidence, causes(evidence)) == 6
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        read = {
            one.name: found.read().decode()
            for one in archive
            if (found := archive.extractfile(one)) is not None
        }
    assert "Secret/mcp/passwords: it is absent" in read["causes.txt"]
    assert read["logs/mcp/server-1/server.log"] == f"password={HIDDEN}\n"
    assert "kept" in read["objects/pods.json"]
    assert "long" not in read["objects/pods.json"]
    assert "last-applied" not in read["objects/pods.json"]
    assert "forbidden" in read["unread.json"]
