"""The jobs of ci/gitlab preview a merge request and comment on it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.harness.conformance_suite import MACHINES
from tests.harness.preview_jobs import CACHE, ROOT, Repository, git
from tests.harness.pull_requests import Forge

MODULES: Final = CACHE / "gitlab-ci/node_modules"
GITLAB: Final = MODULES / "gitlab-ci-local/dist/index.js"
NODE: Final = MODULES / f"node-linux-{MACHINES.get(platform.machine(), 'x64')}/bin/node"
COMMAND: Final = ("ci", "components", "delivery", "graph", "policies", "review", "pyproject.toml")
"""What of this checkout the command consists of."""
RSYNC: Final = CACHE / "rsync/usr"


@pytest.fixture
def command(tmp_path: Path) -> tuple[Path, str]:
    """A repository with the command of this checkout, and its commit."""
    folder = tmp_path / "qudag-mcp"
    for name in COMMAND:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        (folder).mkdir(exist_ok=True)
        copy(source, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "command")
    return folder, git(folder, "rev-parse", "HEAD")


@pytest.mark.slow
def test_gitlab_accepts_the_jobs_for_merge_requests_only(tmp_path: Path):
    if not NODE.is_file():
        pytest.skip("no gitlab-ci-local: get it with tools/ci-checks")
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", "https://gitlab.example.com/acme/shop.git")
    shutil.copy(ROOT / "ci/gitlab/preview.yml", tmp_path / ".gitlab-ci.yml")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "jobs")

    def listed(source: str) -> str:
        done = subprocess.run(
            [str(NODE), str(GITLAB), "--list", "--variable", f"CI_PIPELINE_SOURCE={source}"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "json schema validated" in done.stdout + done.stderr
        return done.stdout

    for name in ("qudag-mcp-preview", "qudag-mcp-comment"):
        assert name in listed("merge_request_event")
        assert name not in listed("push")


@pytest.mark.slow
def test_the_gitlab_jobs_preview_and_comment(
    repository: Repository, forge: Forge, command: tuple[Path, str]
):
    if not NODE.is_file() or not (shutil.which("rsync") or (RSYNC / "bin/rsync").is_file()):
        pytest.skip("no gitlab-ci-local or no rsync: get them with tools/ci-checks")
    forge.me = "preview-bot"
    # Without the image, in whose place this machine is.
    stated = (ROOT / "ci/gitlab/preview.yml").read_text()
    (repository.folder / "jobs.yml").write_text(re.sub(r"(?m)^  image: .*\n", "", stated))
    (repository.folder / ".gitlab-ci.yml").write_text("include:\n  - local: jobs.yml\n")
    git(repository.folder, "remote", "add", "origin", "https://gitlab.example.com/acme/shop.git")
    git(repository.folder, "add", ".")
    git(repository.folder, "commit", "-qm", "jobs")
    variables = {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": repository.base,
        "CI_API_V4_URL": forge.address,
        "CI_PROJECT_ID": "42",
        "GITLAB_TOKEN": "secret",
        "QUDAG_MCP_REPOSITORY": str(command[0]),
        "QUDAG_MCP_COMMIT": command[1],
        "VIRTUAL_ENV": str(ROOT / ".venv"),
    }
    arguments = [
        part for key, text in variables.items() for part in ("--variable", f"{key}={text}")
    ]
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if not shutil.which("rsync"):
        clean["PATH"] += f":{RSYNC}/bin"
        clean["LD_LIBRARY_PATH"] = ":".join(map(str, (RSYNC / "lib").glob("*-linux-gnu")))

    def jobs() -> None:
        done = subprocess.run(
            [str(NODE), str(GITLAB), "--force-shell-executor", *arguments,
             "qudag-mcp-preview", "qudag-mcp-comment"],
            cwd=repository.folder, env=clean, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    jobs()
    (comment,) = forge.comments
    assert comment["body"].startswith("<!-- qudag-mcp preview: shop/dev -->\n")
    assert "1 changed" in comment["body"]
    jobs()
    assert [method for method, _, _ in forge.requests].count("PUT") == 1
    assert len(forge.comments) == 1
