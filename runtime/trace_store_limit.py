"""Deletes the traces that Jaeger has stored when they are larger than their limit.

Badger, in which Jaeger stores traces, deletes by age alone. When its volume is full the kernel ends
Jaeger (SIGBUS), and Jaeger cannot start again. The liveness probe of Jaeger asks this program: when
the store is full the probe fails, and the kubelet restarts Jaeger. While Jaeger does not run, no
process has the locks of Badger's folders: this program takes them and deletes the files.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from .config import ServerConfig
from .logs import configure, event
from .server_config import ServerSection
from .sockets import socket_of
from .toml_config import StartError

MEASURED_SECONDS: Final = 5.0
FULL_SECONDS: Final = 0.1
"""Between two tries to take the locks: the kubelet starts Jaeger at once after its end."""
HEALTH_WITHIN_SECONDS: Final = 3.0
"""Less than the timeout of the probe."""


@dataclass
class Store:
    """Badger's folders.

    Attributes:
        folders: on one volume; Badger locks each of them.
        most_bytes: that they may have.
        least_free_bytes: that must be free on the volume.
        is_full: whether Jaeger must be stopped.
    """

    folders: Sequence[Path]
    most_bytes: int
    least_free_bytes: int
    is_full: bool = False

    def used(self) -> int:
        """The bytes on the disk. Badger makes files of 2 GiB of which most is never written."""
        return sum(_bytes_of(folder) for folder in self.folders)

    def free(self) -> int:
        """The bytes that Jaeger can still write."""
        there = next((folder for folder in self.folders if folder.exists()), None)
        volume = os.statvfs(there or self.folders[0].parent)
        return volume.f_bavail * volume.f_frsize

    def check(self) -> None:
        """Delete all files if there are too many and Jaeger does not run; else note that it must.

        Where others fill the disk, a store that is smaller than what must be free is not the cause:
        Jaeger is not stopped for it, and its files are only deleted once it has ended.
        """
        if self.is_full:  # and remains so: no need to measure it ten times a second
            self.is_full = not self._delete()
            return
        used, free = self.used(), self.free()
        low = free < self.least_free_bytes
        too_large = used > self.most_bytes or (low and used > self.least_free_bytes)
        if too_large:
            event("trace_store_full", used_bytes=used, free_bytes=free)
        if too_large or (low and used):
            self.is_full = not self._delete() and too_large

    def _delete(self) -> bool:
        """Whether the files could be deleted: not while Jaeger has the folders' locks."""
        folders = [folder for folder in self.folders if folder.is_dir()]
        with contextlib.ExitStack() as locks:
            for folder in folders:
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
                locks.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
            for folder in folders:
                # The folder itself stays: the lock is on it.
                for file in folder.iterdir():
                    if file.is_dir() and not file.is_symlink():
                        shutil.rmtree(file)
                    else:
                        file.unlink()
            event("traces_deleted")
        return True


def _bytes_of(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            # Badger deletes files while they are counted.
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(Path(parent, name)).st_blocks * 512
    return total


def answer(store: Store, health: str) -> tuple[int, str]:
    """Status and text for the liveness probe: whether Jaeger may run on, and is healthy."""
    if store.is_full:
        return 503, "the store is full: its traces are deleted when Jaeger has ended"
    try:
        with urllib.request.urlopen(health, timeout=HEALTH_WITHIN_SECONDS) as told:  # noqa: S310
            return told.status, "Jaeger is healthy"
    except urllib.error.HTTPError as error:
        return error.code, "Jaeger is not healthy"
    except OSError as error:
        return 503, f"Jaeger does not answer: {error}"


def serve(store: Store, health: str, port: int) -> ThreadingHTTPServer:
    """Answer probes in threads. Raises `StartError` if the port is in use."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answer(store, health)
            body = f"{text}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A probe is no event."""

    listening = socket_of(port)
    server = ThreadingHTTPServer(("", port), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    server.server_activate()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def waits(store: Store) -> Iterator[float]:
    """Check the store again and again; gives the seconds to wait for the next check."""
    while True:
        try:
            store.check()
        except OSError as error:
            event("trace_store_not_measured", logging.ERROR, error=str(error))
            yield MEASURED_SECONDS
        else:
            yield FULL_SECONDS if store.is_full else MEASURED_SECONDS


def limit_trace_store(arguments: Sequence[str]) -> int:
    """Run until SIGTERM: exit status 0, 1 failed, 2 wrong usage."""
    chosen = _parser().parse_args(arguments)
    store = Store(chosen.folder, chosen.most_bytes, chosen.least_free_bytes)
    configure(ServerConfig(server=ServerSection(name="trace-store-limit")))
    checks = waits(store)
    # The startup probe succeeds when the port is open: Jaeger starts after the first check.
    wait = next(checks)
    try:
        serve(store, chosen.health, chosen.port)
    except StartError as error:
        print(f"qudag-mcp-server: {error}", file=sys.stderr)
        return 1
    while True:
        time.sleep(wait)
        wait = next(checks)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("qudag-mcp-server limit-trace-store", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+", help="a folder of Badger")
    parser.add_argument(
        "--most-bytes", type=int, required=True, help="that the files of all folders may have"
    )
    parser.add_argument(
        "--least-free-bytes", type=int, required=True, help="that must be free on the volume"
    )
    parser.add_argument("--health", required=True, help="URL of Jaeger's health")
    parser.add_argument("--port", type=int, required=True, help="for the liveness probe of Jaeger")
    return parser
