"""Backups of volumes: a restore gives each file back as it was, or is refused."""

from __future__ import annotations

import json
import os
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from runtime.backup_errors import Status
from runtime.volume_command import backup_volumes_command, restore_volume_command
from runtime.volume_store import ARCHIVE, MANIFEST

pytest.importorskip("obstore", reason="obstore is not installed: call make setup")


class Volume:
    """A volume with a few files, and a bucket that is a directory."""

    def __init__(self, directory: Path, output: pytest.CaptureFixture[str]) -> None:
        self.root = directory / "models"
        self.bucket = directory / "bucket"
        self.config = directory / "volumes.toml"
        self.settings: dict[str, Any] = {}
        self.stack = "qudag-mcp-prod"
        self._output = output
        (self.root / "small/empty").mkdir(parents=True)
        (self.root / "small/weights.bin").write_bytes(os.urandom(300_000))
        (self.root / "small/weights.bin").chmod(0o640)
        (self.root / "naïve name").write_text("ü\n")
        (self.root / "latest").symlink_to("small/weights.bin")

    def backup(self) -> tuple[int, str, str]:
        self._write()
        return self._said(backup_volumes_command(["--config", str(self.config)]))

    def restore(self, *arguments: str) -> tuple[int, str, str]:
        self._write()
        return self._said(restore_volume_command(["--config", str(self.config), *arguments]))

    def _write(self) -> None:
        backup = {"stack": self.stack, "url": f"file://{self.bucket}", **self.settings}
        self.config.write_text(
            tomli_w.dumps({"backup": backup, "volumes": {"models": str(self.root)}})
        )

    def _said(self, status: int) -> tuple[int, str, str]:
        said = self._output.readouterr()
        return status, said.out, said.err

    def stored(self, name: str) -> Path:
        """An object of the newest backup."""
        return sorted(self.bucket.rglob(name))[-1]

    def own(self) -> list[Path]:
        """The directories that restores have made."""
        return sorted(self.root.glob(".qudag-*"))


@pytest.fixture
def volume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Volume:
    made = Volume(tmp_path, capsys)
    status, _, errors = made.backup()
    assert status == 0, errors
    return made


def content(root: Path) -> dict[str, Any]:
    """Each path with its kind, mode and content."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith(".qudag-"):
            continue
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_dir():
            found[name] = oct(path.stat().st_mode)
        else:
            status = path.stat()
            found[name] = (oct(status.st_mode), int(status.st_mtime), path.read_bytes())
    return found


def test_a_restore_gives_every_file_back_beside_the_live_ones(volume: Volume):
    before = content(volume.root)
    (volume.root / "small/weights.bin").unlink()
    (volume.root / "naïve name").write_text("overwritten")
    now = content(volume.root)
    status, output, errors = volume.restore("models")
    assert status == 0, errors
    (restored,) = volume.own()
    assert content(restored) == before
    assert content(volume.root) == now
    assert f"it is in {restored}" in output


def test_replace_puts_the_restored_files_in_place_and_keeps_the_others(volume: Volume):
    before = content(volume.root)
    (volume.root / "small/weights.bin").unlink()
    (volume.root / "new").write_text("written after the backup")
    now = content(volume.root)
    status, output, errors = volume.restore("models", "--replace")
    assert status == 0, errors
    assert content(volume.root) == before
    (old,) = volume.own()
    assert content(old) == now
    assert str(old) in output


def test_a_failed_replacement_moves_everything_back(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
):
    now = content(volume.root)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "small" and ".qudag-restored" in str(self):
            raise OSError(5, "Input/output error", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    status, _, errors = volume.restore("models", "--replace")
    assert (status, content(volume.root)) == (1, now)
    assert "cannot be moved: Input/output error" in errors


def test_a_backup_does_not_contain_what_restores_have_left(volume: Volume):
    assert volume.restore("models")[0] == 0
    assert volume.restore("models", "--replace", "--before", "2100-01-01T00:00:00Z")[0] == 1
    for path in volume.own():
        path.rename(path.with_name(".qudag-before-20261129t000000"))
    assert volume.backup()[0] == 0
    listed = json.loads(volume.stored(MANIFEST).read_text())["contents"]
    assert sorted(listed["files"]) == ["naïve name", "small/weights.bin"]
    assert sorted(listed["directories"]) == ["small", "small/empty"]


def test_the_drill_reads_each_file_and_writes_nothing(volume: Volume):
    now = content(volume.root)
    status, output, errors = volume.restore("--drill")
    assert status == 0, errors
    assert output.startswith("restore drill passed: ")
    assert "of models: 2 files, 300003 bytes, identical" in output
    assert (content(volume.root), volume.own()) == (now, [])


@pytest.mark.parametrize("damage", ["one byte", "cut", "no archive"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(volume: Volume, damage: str):
    archive = volume.stored(ARCHIVE)
    data = bytearray(archive.read_bytes())
    if damage == "one byte":
        data[len(data) // 2] ^= 1
    archive.write_bytes({"cut": data[: len(data) // 2], "no archive": b"x"}.get(damage, data))
    for arguments in (["--drill"], ["models"], ["models", "--replace"]):
        status, _, errors = volume.restore(*arguments)
        assert status == Status.DAMAGED, errors
        assert f"{ARCHIVE} is damaged" in errors
    assert volume.own() == []


def test_an_archive_of_other_files_than_the_manifest_says_is_refused(volume: Volume):
    manifest = volume.stored(MANIFEST)
    listed = json.loads(manifest.read_text())
    listed["contents"]["files"]["naïve name"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(listed))
    status, _, errors = volume.restore("models")
    assert (status, volume.own()) == (Status.DIFFERENT, [])
    assert "naïve name has other content in its 3 bytes" in errors


def test_a_missing_archive_is_named(volume: Volume):
    volume.stored(ARCHIVE).unlink()
    status, _, errors = volume.restore("--drill")
    assert status == Status.MISSING
    assert "is missing, and its manifest is there" in errors


def test_an_interrupted_backup_is_none(volume: Volume):
    volume.stored(MANIFEST).unlink()
    status, _, errors = volume.restore("--drill")
    assert status == Status.MISSING
    assert "there is no backup" in errors


def test_a_stale_backup_fails_the_drill(volume: Volume):
    manifest = volume.stored(MANIFEST)
    listed = json.loads(manifest.read_text())
    listed["taken_at"] = (datetime.now(UTC) - timedelta(minutes=61)).isoformat()
    manifest.write_text(json.dumps(listed))
    volume.settings = {"max_age_minutes": 60}
    status, _, errors = volume.restore("--drill")
    assert status == Status.STALE
    assert "61 minutes old, and at most 60 are allowed" in errors


def test_a_backup_of_another_stack_is_refused(volume: Volume):
    (volume.bucket / "qudag-mcp-prod").rename(volume.bucket / "other")
    volume.stack = "other"
    status, _, errors = volume.restore("models")
    assert status == Status.OTHER_STACK
    assert "nothing was restored" in errors


def test_before_chooses_the_newest_that_is_older(volume: Volume):
    status, _, errors = volume.restore("models", "--before", "2026-01-01T00:00:00Z")
    assert status == Status.MISSING
    assert "there is no backup from before" in errors


@pytest.mark.slow
def test_a_file_that_is_written_while_it_is_read_is_named(volume: Volume):
    stop = threading.Event()
    busy = volume.root / "busy.log"
    with busy.open("wb") as file:
        file.truncate(
            50_000_000
        )  # reading it takes longer than a busy machine keeps a thread waiting

    def write() -> None:
        with busy.open("r+b", buffering=0) as file:
            while not stop.wait(0.001):
                os.pwrite(file.fileno(), os.urandom(1), 0)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        status, _, errors = volume.backup()
    finally:
        stop.set()
        writer.join()
    assert status == Status.CHANGED
    assert "a copy may be of two moments: busy.log" in errors
    status, _, errors = volume.restore("models")  # it is stored nevertheless
    assert status == 0, errors
    assert "1 written meanwhile" in volume.restore("--list")[1]


def test_sockets_are_skipped_and_named(volume: Volume, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(volume.root)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("agent")
        status, output, errors = volume.backup()
    assert status == 0, errors
    assert "no copy of agent, which are no files" in output


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "small/../../outside"])
def test_an_archive_that_leaves_the_volume_is_refused(volume: Volume, name: str):
    import io
    import tarfile

    with tarfile.open(volume.stored(ARCHIVE), "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    status, _, errors = volume.restore("models")
    assert status == Status.DAMAGED
    assert "is not inside the volume" in errors
    assert not (volume.root.parent / "outside").exists()


def test_a_link_in_an_archive_does_not_redirect_a_file(volume: Volume, tmp_path: Path):
    import io
    import tarfile

    outside = tmp_path / "outside"
    outside.mkdir()
    with tarfile.open(volume.stored(ARCHIVE), "w:gz") as tar:
        link = tarfile.TarInfo("small")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside)
        tar.addfile(link)
        member = tarfile.TarInfo("small/file")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    assert volume.restore("models")[0] != 0
    assert [*outside.iterdir()] == []


def test_a_volume_without_room_is_refused(volume: Volume, monkeypatch: pytest.MonkeyPatch):
    real = os.statvfs(volume.root)
    full = os.statvfs_result((real.f_bsize, real.f_frsize, real.f_blocks, 1, 1, *real[5:]))

    def nearly_full(_path: Any) -> os.statvfs_result:
        return full

    monkeypatch.setattr(os, "statvfs", nearly_full)
    status, _, errors = volume.restore("models")
    assert status == 1
    assert "a restore keeps what is there; enlarge the volume" in errors


def test_an_unreadable_file_fails_the_backup(volume: Volume, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Any, _flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    status, _, errors = volume.backup()
    assert status == 1
    assert "cannot be read: Permission denied" in errors
    assert len([*volume.bucket.rglob(MANIFEST)]) == 1


def test_a_volume_that_is_not_backed_up_is_refused(volume: Volume):
    status, _, errors = volume.restore("data")
    assert status == 1
    assert "data is no volume with backups: models" in errors


def test_one_volume_that_fails_does_not_prevent_the_others(
    volume: Volume, capsys: pytest.CaptureFixture[str]
):
    volume.config.write_text(
        tomli_w.dumps(
            {
                "backup": {"stack": "a", "url": f"file://{volume.bucket}"},
                "volumes": {"absent": str(volume.root / "absent"), "models": str(volume.root)},
            }
        )
    )
    assert backup_volumes_command(["--config", str(volume.config)]) == 1
    assert "/a/volumes/models/" in capsys.readouterr().out
