"""Tokens of a key that the issuer has withdrawn are refused within `jwks_max_age_seconds`."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from runtime.auth_config import AuthSection
from runtime.issuer_keys import KeySet
from tests.harness.server import free_port, serving, until
from tests.harness.tokens import AUDIENCE, ISSUER, Issuer

MAX_AGE = 10


@dataclasses.dataclass
class IssuerProcess:
    """A web server of its own process, which publishes the key set in a directory."""

    directory: Path
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/keys.json"

    @property
    def reads(self) -> int:
        return self.log.read_text().count("GET /keys.json")

    def publish(self, *keys: dict[str, Any]) -> None:
        file = self.directory / "keys.new"
        file.write_text(json.dumps({"keys": keys}))
        file.rename(self.directory / "keys.json")


@pytest.fixture
def published(tmp_path: Path) -> Generator[IssuerProcess]:
    directory = tmp_path / "published"
    directory.mkdir()
    found = IssuerProcess(directory, free_port(), tmp_path / "issuer.log")
    command = [sys.executable, "-m", "http.server", str(found.port), "--bind", "127.0.0.1"]
    with found.log.open("w") as log:
        process = subprocess.Popen([*command, "-d", str(directory)], stderr=log)
        try:
            yield found
        finally:
            process.terminate()
            process.wait(10)


@pytest.mark.slow
def test_a_withdrawn_key_is_refused_after_its_maximum_age_and_not_before(
    published: IssuerProcess, servers_directory: Path, issuer: Issuer, tmp_path: Path
) -> None:
    following = dataclasses.replace(Issuer.at(tmp_path), kid="following")
    published.publish(issuer.jwk(), following.jwk())
    auth = {
        "issuer": ISSUER,
        "resource_url": AUDIENCE,
        "jwks_url": published.url,
        "jwks_max_age_seconds": MAX_AGE,
    }
    with serving(servers_directory, issuer, auth=auth) as server:

        def status(token: str) -> int:
            return server.post_modern("tools/list", token).status_code

        token = issuer.token()  # one token all the time: the cache of tokens does not keep it
        until(lambda: status(token) == 200)
        before = published.reads
        published.publish(following.jwk())
        withdrawn = time.monotonic()
        assert status(token) == 200
        until(lambda: status(token) == 401, MAX_AGE + 10)
        refused = time.monotonic()
        assert [status(token) for _ in range(50)] == [401] * 50
        assert status(following.token()) == 200
        assert refused - withdrawn < MAX_AGE + 5
        # One read because of the age, one because of tokens with the unknown key.
        assert published.reads - before <= 2 + (time.monotonic() - withdrawn) // MAX_AGE


def test_the_age_is_that_of_keys_from_a_url(tmp_path: Path) -> None:
    base = {"issuer": ISSUER, "resource_url": AUDIENCE, "jwks_max_age_seconds": 42}
    url = AuthSection.model_validate(base | {"jwks_url": "https://issuer.test/keys"})
    file = AuthSection.model_validate(base | {"jwks_file": str(tmp_path / "keys")})
    assert KeySet.of(url, url).max_age == 42
    assert KeySet.of(file, file).max_age == 10
    assert {KeySet.of(each, each).pause for each in (url, file)} == {10, 1}


@pytest.mark.parametrize("seconds", [0, 9, 3601, "soon"])
def test_an_age_below_the_pause_between_reads_or_over_an_hour_is_refused(seconds: object) -> None:
    auth = {"issuer": ISSUER, "jwks_url": "https://issuer.test/keys", "resource_url": AUDIENCE}
    with pytest.raises(ValidationError, match="jwks_max_age_seconds"):
        AuthSection.model_validate(auth | {"jwks_max_age_seconds": seconds})
