"""A pull request in a repository, and the service that it is on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.preview_jobs import PROGRAM, Repository, git
from tests.harness.pull_requests import Forge, serving


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text("config: {}\n")
    program = folder / "__main__.py"
    program.write_text(PROGRAM.replace("SIZE", "1"))
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    started = git(folder, "rev-parse", "HEAD")
    (folder / "README.md").write_text("of another pull request\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "main goes on")
    git(folder, "checkout", "-q", "-b", "change", started)
    program.write_text(PROGRAM.replace("SIZE", "2"))
    git(folder, "commit", "-qam", "change")
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-q", "--detach", "main")
    git(folder, "merge", "-q", "--no-ff", "-m", "merge", "change")
    return Repository(folder, base=git(folder, "rev-parse", "main"), head=head, known=started)


@pytest.fixture
def forge() -> Iterator[Forge]:
    with serving(Forge(me=None)) as found:
        yield found
