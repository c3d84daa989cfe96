"""Runs what reads documents of clouds: programs in the environment of tools/cloud-documents."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any, Final

import pytest

from tools.chromium import CACHE

FOLDER: Final = CACHE / "cloud-documents"
PYTHON: Final = FOLDER / "env/bin/python"

needs_cloud_documents = pytest.mark.skipif(
    not (FOLDER / ".done").exists() or shutil.which("node") is None,
    reason="needs Node.js and tools/cloud-documents",
)


def by_python(program: str, given: Any) -> Any:
    """What a program in that environment answers in JSON, which reads ``given`` from stdin."""
    return _answer([str(PYTHON), "-I", "-c", program], given)


def by_node(program: str, given: Any) -> Any:
    """What a program of Node.js answers in JSON, which reads ``given`` from stdin."""
    return _answer(["node", "-e", program], given)


def _answer(command: Sequence[str], given: Any) -> Any:
    run = subprocess.run(
        command,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        cwd=FOLDER,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return json.loads(run.stdout)
