"""A downloaded Pulumi release is used only if its checksum is the pinned one."""

from __future__ import annotations

import hashlib
import io
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from delivery.pulumi_download import Release, UnavailableError, obtain
from tests.harness.server import until

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
    assert programs_in(tmp_path) == []


def programs_in(cache: Path) -> list[Path]:
    """All that is there but the lock that downloads share."""
    return [path for path in cache.iterdir() if path.name != "download.lock"]


DOWNLOAD = """
import hashlib, sys
from pathlib import Path
from delivery.pulumi_download import Release, obtain
cache, source, checksum = sys.argv[1:]
obtain(Path(cache), Release(version="9.9.9", source=source, checksums={"linux-x64": checksum}))
"""


@contextmanager
def downloading(cache: Path, source: str, body: bytes) -> Generator[subprocess.Popen[bytes]]:
    """A command that fetches and unpacks this archive, killed at the end."""
    checksum = hashlib.sha256(body).hexdigest()
    with subprocess.Popen(
        [sys.executable, "-c", DOWNLOAD, str(cache), source, checksum]
    ) as command:
        try:
            yield command
        finally:
            command.kill()


def test_a_download_that_was_killed_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as half:
        source = f"http://127.0.0.1:{half.getsockname()[1]}"
        with downloading(tmp_path, source, GOOD):
            connection, _ = half.accept()
            with connection:
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode()
                connection.sendall(head + GOOD[:50])
                assert until(lambda: list(tmp_path.glob("new-*/archive")))
    assert not list(tmp_path.glob("pulumi-*"))
    with serving(GOOD) as source:
        program = obtain(tmp_path, release(source), MACHINE)
    assert program.read_bytes() == b"#!/bin/sh\necho v9.9.9\n"
    assert programs_in(tmp_path) == [program.parent]


@pytest.mark.slow
def test_an_unpacking_that_was_killed_leaves_no_half_of_the_program(tmp_path: Path) -> None:
    large = archive(bytes(400 << 20))
    with serving(large) as source, downloading(tmp_path, source, large) as command:
        assert until(lambda: list(tmp_path.glob("new-*/pulumi/pulumi")))
        assert command.poll() is None
    assert not list(tmp_path.glob("pulumi-*"))
    with serving(GOOD) as source:
        program = obtain(tmp_path, release(source), MACHINE)
    assert program.read_bytes() == b"#!/bin/sh\necho v9.9.9\n"
    assert programs_in(tmp_path) == [program.parent]


def test_two_commands_at_once_fetch_it_once(tmp_path: Path) -> None:
    with serving(GOOD) as source, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(obtain, tmp_path, release(source), MACHINE) for _ in range(4)]
        assert len({one.result() for one in asked}) == 1
    assert len(programs_in(tmp_path)) == 1


def test_a_refused_download_is_reported_with_its_http_status(tmp_path: Path) -> None:
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


@pytest.mark.slow
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
