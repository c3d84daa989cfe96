"""The CLI's release is used only if every byte of it is the pinned one."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from delivery.download import Release, UnavailableError, obtain

MACHINE = "linux-x64"


def archive(program: bytes = b"#!/bin/sh\necho v9.9.9\n") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("pulumi/pulumi")
        entry.size, entry.mode = len(program), 0o755
        tar.addfile(entry, io.BytesIO(program))
    return buffer.getvalue()


GOOD = archive()


@contextmanager
def serving(body: bytes, *, status: int = 200, announced: int | None = None) -> Generator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(announced or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def release(source: str) -> Release:
    checksums = {MACHINE: hashlib.sha256(GOOD).hexdigest()}
    return Release(version="9.9.9", source=source, checksums=checksums)


def test_the_pinned_archive_is_unpacked_and_kept(tmp_path: Path) -> None:
    with serving(GOOD) as source:
        program = obtain(tmp_path, release(source), MACHINE)
    assert program.read_bytes() == b"#!/bin/sh\necho v9.9.9\n"
    assert program.stat().st_mode & 0o100
    assert obtain(tmp_path, release("http://127.0.0.1:1"), MACHINE) == program


@pytest.mark.parametrize(
    ("body", "announced"),
    [
        pytest.param(archive(b"#!/bin/sh\necho mine\n"), None, id="tampered"),
        pytest.param(GOOD[:-10], None, id="truncated"),
        pytest.param(GOOD[:-10], len(GOOD), id="cut off"),
        pytest.param(b"<html>log in</html>", None, id="something else"),
    ],
)
def test_any_other_archive_is_refused_and_leaves_nothing(
    tmp_path: Path, body: bytes, announced: int | None
) -> None:
    with serving(body, announced=announced) as source, pytest.raises(UnavailableError):
        obtain(tmp_path, release(source), MACHINE)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_is_said_with_its_status(tmp_path: Path) -> None:
    with (
        serving(b"no", status=403) as source,
        pytest.raises(UnavailableError, match="answered 403"),
    ):
        obtain(tmp_path, release(source), MACHINE)


def test_a_source_that_is_not_there_is_given_up_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        source = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnavailableError, match="cannot be reached"):
            obtain(tmp_path, release(source), MACHINE)


def test_a_source_that_accepts_and_says_nothing_is_given_up_within_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = f"http://127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(UnavailableError):
            obtain(tmp_path, release(source), MACHINE)
    assert time.monotonic() - started < 6


def test_a_platform_without_a_checksum_is_never_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no checksum"):
        obtain(tmp_path, release("http://127.0.0.1:1"), "plan9-x64")


def test_every_pinned_checksum_is_a_sha_256() -> None:
    for machine, checksum in Release().checksums.items():
        assert len(bytes.fromhex(checksum)) == 32, machine
