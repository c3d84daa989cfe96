"""Writes a backup of a stack's Kubernetes objects, as a job printed it, to a folder."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any, Final

from components.base.problems import Problem, ProblemReport

FILE: Final = "manifests.yaml"


def check_folder(folder: Path) -> None:
    """Raises a ``ProblemReport`` if there are files in it already."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    what = "holds files" if folder.is_dir() else "is a file"
    raise ProblemReport(
        [
            Problem(
                f"--out {folder}",
                what,
                "kubectl apply would apply other files too; nothing was restored",
                "name a new folder",
            )
        ]
    )


def write(log: str, folder: Path) -> str:
    """Write ``manifests.yaml`` and return what was restored, and how to apply it.

    Raises:
        ProblemReport: the log is not what ``restore-manifests`` printed, or the folder cannot be
            written.
    """
    try:
        found: dict[str, Any] = json.loads(log.splitlines()[-1])
        compressed = base64.b64decode(found[f"{FILE}.gz"], validate=True)
        if hashlib.sha256(compressed).hexdigest() != found["sha256"]:
            raise ValueError("its SHA-256 is another")
        content = gzip.decompress(compressed)
        name, count = str(found["name"]), int(found["objects"])
    except (LookupError, TypeError, ValueError, binascii.Error, OSError, EOFError, zlib.error):
        raise _refused(
            "the log of the job", "is cut off, or has other lines", "run this again"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_bytes(content)
    except OSError as error:
        raise _refused(f"--out {folder}", error.strerror or str(error), "name another") from None
    return (
        f"restored {name} to {folder / FILE}: {count} objects; nothing was applied. Compare: "
        f"kubectl diff -f {folder}; the Secrets that must exist before are named at its beginning"
    )


def _refused(path: str, what: str, fix: str) -> ProblemReport:
    return ProblemReport([Problem(path, what, "nothing was restored", fix)])
