"""Finds real programs on PATH, in Debian's folders, or where tools/programs unpacks them."""

from __future__ import annotations

import os
import shutil
import subprocess
from glob import glob
from pathlib import Path

CACHE = Path(os.environ.get("QUDAG_MCP_CACHE", Path.home() / ".cache/qudag-mcp")) / "programs"
LIBRARIES = ":".join(
    str(CACHE / path) for path in ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib")
)


def find(*names: str) -> str | None:
    """The path of the first of ``names`` that exists; else None."""
    for name in names:
        places = [shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]
        for root in ("/", f"{CACHE}/"):
            places += [f"{root}usr/sbin/{name}", f"{root}usr/bin/{name}"]
            places += sorted(glob(f"{root}usr/lib/postgresql/*/bin/{name}"), reverse=True)
        for place in places:
            if place and _runs(place):
                return place
    return None


def environment() -> dict[str, str]:
    """The environment variables with which an unpacked program finds its libraries."""
    before = os.environ.get("LD_LIBRARY_PATH")
    return {**os.environ, "LD_LIBRARY_PATH": f"{LIBRARIES}:{before}" if before else LIBRARIES}


def _runs(path: str) -> bool:
    if not os.access(path, os.X_OK):
        return False
    flag = "-v" if path.endswith("nginx") else "--version"
    return (
        subprocess.run([path, flag], capture_output=True, env=environment(), check=False).returncode
        == 0
    )
