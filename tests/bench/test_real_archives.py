"""The archives for Google's and Azure's functions run under their own Python version."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

import pytest

from archives import build
from archives.hosts import HOSTS, Host, archive_of
from components.base.problems import ProblemReport
from tools.bench.cold_start import unpack

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="their native modules are for x86-64"
)
CONFIG = '[auth]\nissuer = "i"\njwks_url = "https://issuer.test"\n'
LOADED = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
__import__(sys.argv[2])
files = [getattr(module, "__file__", None) for module in sys.modules.values()]
print(json.dumps([file for file in files if file]))
"""


@pytest.fixture(params=["gcp-function", "azure-function"])
def host(request: pytest.FixtureRequest) -> Host:
    return HOSTS[request.param]


def test_an_archive_starts_with_only_the_packages_of_its_cloud(host: Host, tmp_path: Path):
    try:
        unpack(build.build(host, archive_of(host)), tmp_path / "app")
        python = build.interpreter(host)
    except ProblemReport as report:
        pytest.skip(str(report))
    paths = [tmp_path / "app", tmp_path / "app" / host.libraries]
    brought = tmp_path / "app" / "requirements.txt"
    if brought.exists():  # what Google's build installs
        paths.append(tmp_path / "framework")
        install = ["pip", "install", "--target", paths[-1], "--require-hashes", "-r", brought]
        assert build.run_uv([*install, "--python", python]).returncode == 0
    (entry,) = host.entries
    ran = subprocess.run(
        [python, "-I", "-S", "-c", LOADED, json.dumps([str(path) for path in paths]), entry],
        env={"PATH": os.environ["PATH"], "QUDAG_MCP_CONFIG": CONFIG},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    files: list[str] = json.loads(ran.stdout)
    assert not [file for file in files if "site-packages" in file.replace(host.libraries, "")]
    assert any(file.endswith("hosts/hosted_application.py") for file in files)
