"""Another commit of this repository, as files in a folder of its own."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from components.base.problems import Problem, ProblemReport, nearest


def resolve(root: Path, ref: str) -> str:
    """The full id of the commit that ``ref`` names in the repository of ``root``.

    Raises ProblemReport where there is no git, no repository or no such commit.
    """
    inside = _git(root, "rev-parse", "--is-inside-work-tree")
    if inside.returncode != 0:
        raise _problem(
            str(root),
            "it is not in a git repository",
            fix="run this in a clone, or leave the base out to see the stack as it is",
        )
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode != 0:
        raise _problem(f"--base {ref}", "no commit has this name", fix=_hint(root, ref))
    return found.stdout.decode().strip()


@contextmanager
def files_at(root: Path, commit: str) -> Generator[Path]:
    """A temporary folder with the files under ``root`` as they were at ``commit``."""
    archive = _git(root, "archive", "--format=tar", commit)
    if archive.returncode != 0:
        raise _problem(
            commit,
            f"git cannot give its files: {archive.stderr.decode().strip()}",
            fix="fetch the whole history: git fetch --unshallow",
        )
    with tempfile.TemporaryDirectory(prefix="qudag-mcp-base-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder).resolve()


def _hint(root: Path, ref: str) -> str:
    if _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        return "this clone is shallow: git fetch --unshallow, then try again"
    listed = _git(root, "for-each-ref", "--format=%(refname:short)").stdout.decode().split()
    meant = nearest(ref, listed)
    return f"did you mean {meant}?" if meant else "git log --oneline shows the commits there are"


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=False
        )
    except FileNotFoundError as error:
        raise _problem("git", "it is not installed", fix="install git") from error


def _problem(path: str, what: str, *, fix: str) -> ProblemReport:
    consequence = "there is no base to compare with"
    return ProblemReport([Problem(path=path, what=what, consequence=consequence, fix=fix)])
