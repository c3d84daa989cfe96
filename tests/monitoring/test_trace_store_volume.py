"""Jaeger exports how much of its volume is free, and what becomes of it when nothing is."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import httpx2
import pytest

from components.mcp.metrics import exported_by
from tests.harness.certificates import Authority
from tests.harness.exported_metrics import value
from tests.harness.server import free_port, until
from tests.harness.trace_store import TraceStore, storing

FREE = "jaeger_storage_badger_value_log_bytes_available"
MEBIBYTE = 1024**2


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
    body = {"resourceSpans": [{"scopeSpans": [{"spans": made}]}]}
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
        until(lambda: value(metrics(store), FREE) > 0, 20)
        text = metrics(store)
    assert value(text, "otelcol_exporter_sent_spans_total") == 3
    for name, one in exported_by("trace_store").items():
        (labels,) = re.findall(rf"^{name}\{{(.*)\}} ", text, re.MULTILINE)
        wanted = {label.removeprefix("exported_") for label in one.labels}
        assert wanted <= set(re.findall(r'(\w+)="', labels)), name
    free = shutil.disk_usage(tmp_path).free
    assert abs(value(text, FREE) - free) < 0.1 * free


def test_jaeger_ends_when_its_volume_is_full_and_has_told_of_it_before(tmp_path: Path):
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
