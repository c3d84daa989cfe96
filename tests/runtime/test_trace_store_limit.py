"""When the program beside Jaeger deletes its files, and what it answers to the liveness probe.

tests/monitoring/test_trace_store_volume.py runs it beside the real Jaeger.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from runtime import trace_store_limit
from runtime.trace_store_limit import Store, answer, limit_trace_store, waits

MEBIBYTE = 1024**2


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """As Badger has them: tables of 3 MiB, and a file of 2 GiB that is nearly empty."""
    keys, values = tmp_path / "keys", tmp_path / "values"
    (keys / "more").mkdir(parents=True)
    values.mkdir()
    (keys / "000001.sst").write_bytes(os.urandom(2 * MEBIBYTE))
    (keys / "more" / "a").write_bytes(os.urandom(MEBIBYTE))
    with (values / "000001.vlog").open("wb") as log:
        log.truncate(2 * 1024 * MEBIBYTE)
    return keys, values


def files(folders: tuple[Path, Path]) -> list[Path]:
    assert all(folder.is_dir() for folder in folders)
    return [file for folder in folders for file in folder.rglob("*")]


@contextmanager
def jaeger(folder: Path) -> Generator[None]:
    """Badger locks each of its folders while it runs."""
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield
    finally:
        os.close(descriptor)


def store(folders: tuple[Path, Path], most: int, least_free: int = 0) -> Store:
    return Store(folders, most * MEBIBYTE, least_free)


def test_what_was_never_written_is_not_counted(folders: tuple[Path, Path]):
    assert 3 * MEBIBYTE <= store(folders, 1).used() < 4 * MEBIBYTE


def test_folders_that_are_not_there_yet_are_an_empty_store(tmp_path: Path):
    empty = Store([tmp_path / "keys"], 0, 2**62)
    empty.check()
    assert not empty.is_full
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(("most", "left"), [(4, 4), (2, 0)])
def test_the_files_are_deleted_when_they_are_larger_than_the_limit(
    folders: tuple[Path, Path], most: int, left: int
):
    one = store(folders, most)
    one.check()
    assert not one.is_full
    assert len(files(folders)) == left


@pytest.mark.parametrize("locked", [0, 1])
def test_no_file_is_deleted_while_jaeger_runs_and_all_are_once_it_has_ended(
    folders: tuple[Path, Path], locked: int
):
    one = store(folders, 2)
    with jaeger(folders[locked]):
        one.check()
        one.check()
        assert one.is_full
        assert len(files(folders)) == 4
    one.check()
    assert not one.is_full
    assert files(folders) == []


def test_jaeger_cannot_start_while_its_files_are_deleted(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    refused: list[Path] = []
    unlink = Path.unlink

    def locks_first(file: Path) -> None:
        for folder in folders:
            with pytest.raises(BlockingIOError), jaeger(folder):
                pass
            refused.append(folder)
        unlink(file)

    monkeypatch.setattr(Path, "unlink", locks_first)
    store(folders, 2).check()
    assert set(refused) == set(folders)
    for folder in folders:
        with jaeger(folder):
            pass


def test_jaeger_is_stopped_for_a_full_volume_if_its_own_files_fill_it(folders: tuple[Path, Path]):
    free = store(folders, 9).free()
    for least_free, is_full in ((MEBIBYTE, False), (free * 2, False)):
        with jaeger(folders[0]):
            one = store(folders, 9, least_free)
            one.check()
            assert one.is_full is is_full
            assert len(files(folders)) == 4


def test_on_a_volume_of_its_own_too_little_space_is_a_full_store(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    def one_mebibyte(_: Store) -> int:
        return MEBIBYTE

    monkeypatch.setattr(Store, "free", one_mebibyte)
    with jaeger(folders[0]):
        for least_free, is_full in ((1, False), (2, True), (4, False)):
            one = store(folders, 9, least_free * MEBIBYTE)
            one.check()
            assert one.is_full is is_full, least_free


def test_jaeger_that_ended_on_a_disk_that_others_fill_starts_without_its_files(
    folders: tuple[Path, Path],
):
    one = store(folders, 9, store(folders, 9).free() * 2)
    one.check()
    assert not one.is_full
    assert files(folders) == []


def test_a_folder_that_cannot_be_read_is_tried_again(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    one = store(folders, 2)

    def broken(_: Store) -> int:
        raise OSError("Input/output error")

    checks = waits(one)
    with jaeger(folders[0]):
        assert next(checks) == trace_store_limit.FULL_SECONDS
    with monkeypatch.context() as patched:
        patched.setattr(Store, "_delete", broken)
        assert next(checks) == trace_store_limit.MEASURED_SECONDS
    assert next(checks) == trace_store_limit.MEASURED_SECONDS
    assert files(folders) == []


@contextmanager
def healthy(status: int) -> Generator[str]:
    """Jaeger's health."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/status"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "is_full", "told"),
    [(200, False, 200), (200, True, 503), (500, False, 500), (503, True, 503)],
)
def test_the_probe_succeeds_if_jaeger_is_healthy_and_its_store_not_full(
    folders: tuple[Path, Path], status: int, is_full: bool, told: int
):
    one = store(folders, 9)
    one.is_full = is_full
    with healthy(status) as health:
        assert answer(one, health)[0] == told
    assert answer(one, health)[0] == 503


@pytest.mark.parametrize("left_out", ["--most-bytes", "--least-free-bytes", "--health", "--port"])
def test_every_option_is_needed(
    folders: tuple[Path, Path], left_out: str, capsys: pytest.CaptureFixture[str]
):
    options = {"--most-bytes": "9", "--least-free-bytes": "9", "--health": "u", "--port": "1"}
    del options[left_out]
    with pytest.raises(SystemExit) as ended:
        limit_trace_store([str(folders[0]), *itertools.chain(*options.items())])
    assert ended.value.code == 2
    assert left_out in capsys.readouterr().err
