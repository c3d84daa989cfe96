"""Backups of the stack's Kubernetes objects: restored as they were, or refused."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from runtime.backup_errors import Status
from runtime.kubernetes_manifests import DESCRIPTION, FILE
from runtime.manifests_command import restore_manifests_command
from runtime.volume_command import backup_volumes_command

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")
TEXT = "# Secret a/b: keys c\n---\nkind: Namespace\n---\nkind: ConfigMap\n"


class Stack:
    """A stack with a volume, the directory that its ConfigMap is, and a directory as bucket."""

    def __init__(self, directory: Path, output: pytest.CaptureFixture[str]) -> None:
        self.bucket = directory / "bucket"
        self.mounted = directory / "mounted"
        self.config = directory / "volumes.toml"
        self.volume = directory / "models"
        self.stack = "qudag-mcp-prod"
        self._output = output
        self.volume.mkdir()
        self.deploy(TEXT)

    def deploy(self, text: str) -> None:
        self.mounted.mkdir(exist_ok=True)
        (self.mounted / FILE).write_bytes(gzip.compress(text.encode()))

    def backup(self) -> tuple[int, str, str]:
        return self._said(backup_volumes_command(["--config", self._written()]))

    def restore(self, *arguments: str) -> tuple[int, str, str]:
        return self._said(restore_manifests_command(["--config", self._written(), *arguments]))

    def stored(self, name: str) -> Path:
        """An object of the newest backup of manifests."""
        return sorted((self.bucket / self.stack / "manifests").rglob(name))[-1]

    def _written(self) -> str:
        backup = {"stack": self.stack, "url": f"file://{self.bucket}"}
        backup["manifests"] = str(self.mounted)
        volumes = {"models": str(self.volume)}
        self.config.write_text(tomli_w.dumps({"backup": backup, "volumes": volumes}))
        return str(self.config)

    def _said(self, status: int) -> tuple[int, str, str]:
        said = self._output.readouterr()
        return status, said.out, said.err


def text_of(printed: str) -> str:
    found: dict[str, Any] = json.loads(printed)
    return gzip.decompress(base64.b64decode(found[FILE])).decode()


@pytest.fixture
def stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Stack:
    made = Stack(tmp_path, capsys)
    status, printed, errors = made.backup()
    assert status == 0, errors
    assert "2 objects" in printed
    return made


def test_the_objects_are_restored_as_they_were(stack: Stack):
    status, printed, errors = stack.restore()
    assert (status, text_of(printed)) == (0, TEXT), errors
    status, printed, _ = stack.restore("--list")
    assert status == 0
    assert "2 objects" in printed


def test_an_older_backup_is_restored_by_its_time(stack: Stack):
    folder = stack.stored(FILE).parent
    described = json.loads(stack.stored(DESCRIPTION).read_text())
    earlier = datetime.now(UTC) - timedelta(days=1)
    folder.rename(folder.parent / earlier.strftime("%Y%m%dT%H%M%SZ"))
    stack.stored(DESCRIPTION).write_text(json.dumps(described | {"taken_at": earlier.isoformat()}))
    stack.deploy("---\nkind: Service\n")
    assert stack.backup()[0] == 0
    between = (earlier + timedelta(hours=1)).isoformat()
    assert text_of(stack.restore("--before", between)[1]) == TEXT
    assert text_of(stack.restore()[1]) == "---\nkind: Service\n"
    status, _, errors = stack.restore("--before", (earlier - timedelta(hours=1)).isoformat())
    assert status == Status.MISSING
    assert "the oldest is" in errors


def test_without_the_configmap_the_rest_is_backed_up_and_the_job_fails(stack: Stack):
    (stack.mounted / FILE).unlink()
    status, printed, errors = stack.backup()
    assert status == Status.MISSING
    assert "volumes/models" in printed
    assert "deploy the stack again" in errors


def test_a_damaged_configmap_is_not_stored(stack: Stack):
    (stack.mounted / FILE).write_bytes(gzip.compress(b"---\n" * 100)[:-6])
    before = sorted(stack.bucket.rglob(DESCRIPTION))
    status, _, errors = stack.backup()
    assert status == Status.DAMAGED
    assert "is damaged" in errors
    assert [one for one in sorted(stack.bucket.rglob(DESCRIPTION)) if "manifests" in one.parts] == [
        one for one in before if "manifests" in one.parts
    ]


def test_a_changed_backup_is_refused(stack: Stack):
    stack.stored(FILE).write_bytes(gzip.compress(b"---\nkind: Pod\n"))
    status, printed, errors = stack.restore()
    assert (status, printed) == (Status.DAMAGED, "")
    assert "SHA-256" in errors


def test_a_backup_without_its_objects_is_refused(stack: Stack):
    stack.stored(FILE).unlink()
    assert stack.restore()[0] == Status.MISSING


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"stack": "qudag-mcp-dev"}, Status.OTHER_STACK),
        ({"format": 2}, Status.DAMAGED),
        ({"file": None}, Status.DAMAGED),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    stack: Stack, changes: dict[str, Any], status: Status
):
    file = stack.stored(DESCRIPTION)
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    assert stack.restore()[0] == status


def test_without_a_backup_the_job_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    made = Stack(tmp_path, capsys)
    status, _, errors = made.restore()
    assert status == Status.MISSING
    assert f"file://{tmp_path}" in errors
