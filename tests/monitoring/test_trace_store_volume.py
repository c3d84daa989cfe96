"""What Jaeger tells of its volume, and what becomes of its traces when there is no space."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from components.mcp.metrics import exported_by
from components.observability.trace_store import FOLDERS, HEALTH_PATH
from tests.harness.apiserver import ROOT
from tests.harness.certificates import Authority
from tests.harness.exported_metrics import value
from tests.harness.server import free_port, until
from tests.harness.trace_store import TraceStore, storing

FREE = "jaeger_storage_badger_value_log_bytes_available"
TABLES = "jaeger_storage_badger_size_bytes_lsm"
MEBIBYTE = 1024**2
SERVICE = "caller"


def sent(store: TraceStore, spans: int, size: int = 20_000) -> httpx2.Response:
    """Send spans with an attribute of this many bytes."""
    now = time.time_ns()
    made = [
        {
            "traceId": os.urandom(16).hex(),
            "spanId": os.urandom(8).hex(),
            "name": "call",
            "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now + 1),
            "attributes": [{"key": "a", "value": {"stringValue": os.urandom(size // 2).hex()}}],
        }
        for _ in range(spans)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": made}]}]}
    return httpx2.post(
        f"{store.otlp}/v1/traces", json=body, verify=store.authority.trust(), timeout=30
    )


def metrics(store: TraceStore) -> str:
    return httpx2.get(f"http://127.0.0.1:{store.metrics}/metrics").text


@contextlib.contextmanager
def volume(folder: Path, mebibytes: int) -> Generator[Path]:
    """A folder with a file system of its own."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", folder], check=False
    )
    if made.returncode:
        pytest.skip("a volume of its own needs the right to mount one: run as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_jaeger_exports_the_metrics_of_the_list(tmp_path: Path):
    with storing(tmp_path / "jaeger", Authority.at(tmp_path), free_port()) as store:
        assert sent(store, 3).status_code == 200
        until(lambda: value(metrics(store), FREE) > 0 and TABLES in metrics(store), 20)
        text = metrics(store)
    assert value(text, "otelcol_exporter_sent_spans_total") == 3
    for name, one in exported_by("trace_store").items():
        (labels,) = re.findall(rf"^{name}\{{(.*)\}} ", text, re.MULTILINE)
        wanted = {label.removeprefix("exported_") for label in one.labels}
        assert wanted <= set(re.findall(r'(\w+)="', labels)), name
    free = shutil.disk_usage(tmp_path).free
    assert abs(value(text, FREE) - free) < 0.1 * free


@dataclass
class Limit:
    """The program that deletes traces, running.

    Attributes:
        port: which the liveness probe of Jaeger asks.
    """

    port: int

    def status(self) -> int:
        return httpx2.get(f"http://127.0.0.1:{self.port}/").status_code


@contextlib.contextmanager
def limiting(volume: Path, most: int, least_free: int, health: int) -> Generator[Limit]:
    """Run it as the other container does, with sizes of this test."""
    port = free_port()
    folders = [str(volume / "data" / Path(folder).name) for folder in FOLDERS]
    command = [sys.executable, "-m", "runtime", "limit-trace-store", *folders]
    command += ["--most-bytes", str(most), "--least-free-bytes", str(least_free)]
    command += ["--health", f"http://localhost:{health}{HEALTH_PATH}", "--port", str(port)]
    with (volume.parent / "limit.log").open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    limit = Limit(port)

    def opened() -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return limit.status() > 0
        return False

    try:
        until(opened, 30)
        yield limit
    finally:
        process.terminate()
        assert process.wait(10) == 0


def ids(store: TraceStore) -> set[str]:
    return {one["traceID"] for one in store.get("traces", service=SERVICE) or ()}


@pytest.mark.slow
def test_jaeger_tells_the_size_of_its_traces(tmp_path: Path):
    """Where a volume is a folder of the node's disk, the space that is free says nothing."""
    with storing(tmp_path / "jaeger", Authority.at(tmp_path), free_port()) as store:
        for _ in range(60):
            assert sent(store, 50).status_code == 200
        # Badger measures its files once a minute.
        until(lambda: value(metrics(store), TABLES) > 0, 90)
        tables = value(metrics(store), TABLES)
        written = sum(f.stat().st_blocks * 512 for f in tmp_path.glob("jaeger/data/*/*.sst"))
    assert abs(tables - written) < 0.05 * written


def test_jaeger_starts_again_without_its_traces_after_its_volume_was_full(tmp_path: Path):
    """Its database maps files into memory: the kernel ends a program that writes to a full one."""
    authority, told = Authority.at(tmp_path), 10**12
    with volume(tmp_path / "volume", 200) as full:
        with storing(full, authority, free_port()) as store:
            with contextlib.suppress(httpx2.TransportError):
                for _ in range(400):
                    sent(store, 50)
                    with contextlib.suppress(httpx2.TransportError):
                        told = min(told, value(metrics(store), FREE) or told)
            assert store.process.wait(20) != 0
        assert told < 100 * MEBIBYTE
        with pytest.raises(AssertionError), storing(full, authority, free_port()):
            pass
        # As in a pod that starts: Jaeger starts when the port of the limit is open.
        with limiting(full, 180 * MEBIBYTE, 10 * MEBIBYTE, free_port()):
            assert [*full.glob("data/*/*")] == []
            with storing(full, authority, free_port()) as store:
                assert sent(store, 3).status_code == 200
                assert len(ids(store)) == 3


def test_a_running_jaeger_with_too_many_traces_is_restarted_without_them(tmp_path: Path):
    """Its files are not deleted while it runs, and the probe fails until it has ended."""
    authority, folder, health = Authority.at(tmp_path), tmp_path / "volume", free_port()
    with (
        storing(folder, authority, free_port(), health) as store,
        limiting(folder, 60 * MEBIBYTE, 0, health) as limit,
    ):
        assert limit.status() == 200
        for _ in range(40):
            assert sent(store, 50).status_code == 200
        until(lambda: limit.status() == 503, 30)
        kept = ids(store)
        assert kept
        assert sent(store, 1).status_code == 200
        store.stop()
        until(lambda: not [*folder.glob("data/*/*")], 5)
        with storing(folder, authority, free_port(), health) as again:
            until(lambda: limit.status() == 200, 5)
            assert ids(again) == set()
            assert sent(again, 2).status_code == 200
            again.stop()
            # The other container asks Jaeger for its health.
            assert limit.status() == 503
