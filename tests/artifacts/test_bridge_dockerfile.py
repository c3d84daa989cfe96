"""The Dockerfiles that add the bridge to an image: hadolint reads them; their steps run here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from components.mcp.server_config import PROGRAM
from tests.harness.bridge import faults
from tests.harness.server import fetch, free_port, until

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/how-to/bridge-a-stdio-server.md"
FILES = re.findall(r"```dockerfile\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", FILES)
def test_hadolint_reports_no_problem(text: str, tmp_path: Path):
    (tmp_path / "Dockerfile").write_text(text)
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [hadolint, "--no-color", tmp_path / "Dockerfile"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_there_is_one_for_python_and_one_for_node():
    assert [re.search(r"library/(\w+):", text)[1] for text in FILES] == ["python", "node"]  # type: ignore[index]


@pytest.mark.parametrize("text", FILES)
def test_the_files_that_are_installed_exist(text: str):
    assert "COPY runtime /tmp/runtime" in text
    named = re.findall(r"/tmp/(runtime[\w./-]*)", text)
    assert {"runtime", "runtime/requirements.txt"} == set(named)
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("text", FILES)
def test_the_bridge_is_on_the_path_as_a_stack_with_transport_stdio_needs_it(text: str):
    [folder] = re.findall(r"(/\S+)/pip install \S+ --no-deps", text)
    [path] = re.findall(r"^ENV PATH=(\S+)", text, re.MULTILINE)
    assert folder in path.split(":")
    assert f'ENTRYPOINT ["{PROGRAM}", "bridge", "--"' in text


@pytest.mark.slow
def test_the_installed_package_has_the_bridge(tmp_path: Path):
    """Of the steps the one that needs no network: `pip install --no-deps /tmp/runtime`."""
    shutil.copytree(ROOT / "runtime", tmp_path / "runtime")
    build = ["pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", tmp_path]
    command = [sys.executable, "-m", *build, tmp_path / "runtime"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    [wheel] = tmp_path.glob("*.whl")
    port = free_port()
    arguments = ["bridge", "--host", "127.0.0.1", "--port", str(port), "--", *faults()]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "qudag_mcp_server", *arguments],
            env={**os.environ, "PYTHONPATH": str(wheel)},
            cwd=tmp_path,
            stderr=log,
        )
    try:
        until(lambda: answered(f"http://127.0.0.1:{port}/ready"), 30)
    finally:
        running.terminate()
        assert running.wait(20) == 0


def answered(url: str) -> bool:
    try:
        return fetch(url).status_code == 200
    except httpx2.TransportError:
        return False
