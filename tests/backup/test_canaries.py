"""The passwords and the bucket's key are found in nothing that a backup or a restore writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.harness import programs
from tests.harness.backups import PASSWORD, BackedUp
from tests.harness.canaries import Canary, in_every_form, leaks
from tests.harness.postgres import HOW_TO_GET, binaries
from tests.harness.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, installed
from tests.harness.s3_server import HOW_TO_GET as HOW_TO_GET_S3
from tests.harness.watched_processes import WatchedProcesses

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
pytestmark = [
    pytest.mark.skipif(binaries() is None, reason=HOW_TO_GET),
    pytest.mark.skipif(not installed(), reason=HOW_TO_GET_S3),
    pytest.mark.xdist_group("backups"),
]
WRONG = Canary.of("a wrong key or password")
SECRETS = [
    Canary("the password of the roles", PASSWORD),
    Canary("the id of the bucket's key", ACCESS_KEY),
    Canary("the bucket's key", SECRET_KEY),
    WRONG,
]


def stored(bucket: S3Server, database: BackedUp, folder: Path) -> dict[str, str]:
    """The objects of the newest backup as text, and the statements of its dump."""
    found: dict[str, str] = {}
    for name, key in database.objects(bucket).items():
        content = bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        (folder / name).write_bytes(content)
        found[name] = content.decode("latin-1")
    program = programs.find("pg_restore")
    assert program is not None
    found["statements"] = subprocess.run(
        [program, "--file=-", folder / "database.dump"],
        env=programs.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return found


def written(backed_up: BackedUp, tmp_path: Path) -> dict[str, str]:
    """The output of commands that work, and of those that are refused."""
    found = {
        "backup": backed_up.backup(),
        "drill": backed_up.restore("--drill"),
        "list": backed_up.restore("--list"),
        "restore": backed_up.restore("--database", "of_canaries"),
        "a database that exists": backed_up.restore("--database", "of_canaries"),
    }
    wrong = tmp_path / "wrong"
    wrong.write_text(WRONG.text)
    for field in ("access_key_file", "secret_key_file"):
        backed_up.settings = {field: str(wrong)}
        found[f"wrong {field}"] = backed_up.restore("--list")
    backed_up.settings = {"bucket_key": WRONG.text}
    found["an unknown field"] = backed_up.restore("--list")
    backed_up.settings = {}
    backed_up.password = WRONG.text
    found["a wrong password"] = backed_up.backup()
    backed_up.password = PASSWORD
    found["no manifests"] = backed_up.restore_manifests()
    assert [each.status for each in found.values()][:5] == [0, 0, 0, 0, 1]
    assert all(each.status for name, each in found.items() if "wrong" in name)
    return {name: each.output + each.errors for name, each in found.items()}


def test_nothing_that_is_written_has_a_secret(
    backed_up: BackedUp, bucket: S3Server, tmp_path: Path
):
    with WatchedProcesses() as watched:
        texts = written(backed_up, tmp_path)
    texts |= stored(bucket, backed_up, tmp_path)
    assert "CREATE TABLE public.memories" in texts["statements"]
    texts |= {line: line for line in watched.command_lines}
    assert any("pg_dump" in line for line in watched.command_lines)
    assert leaks(SECRETS, texts) == []
    # libpq has no other way without a file: PGPASSWORD is in the environment of pg_dump alone.
    assert leaks(SECRETS, watched.variables(but={"PGPASSWORD"})) == []
    for canary in SECRETS:
        for form in in_every_form(canary).values():
            assert all(leaks([canary], {"": text + form}) for text in texts.values())
