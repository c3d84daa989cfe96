"""Writes what a diagnosis has read into an archive for others, without secrets."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from components.observability.log_fields import SECRET_TEXTS

from ..kubectl import reference
from .cause import Cause
from .evidence import Evidence

HIDDEN: Final = "[hidden]"
_SECRET_TEXTS: Final = [
    (re.compile(pattern), re.sub(r"<[a-z-]+>", HIDDEN, re.sub(r"\$\{(\d)\}", r"\\g<\1>", shown)))
    for pattern, shown in SECRET_TEXTS
]
"""The patterns of the log collectors."""


def write(file: Path, evidence: Evidence, found: Sequence[Cause]) -> int:
    """Write the archive (tar, gzip) with mode 0600; returns the number of its files."""
    count = 0
    file.touch(mode=0o600)
    file.chmod(0o600)
    with tarfile.open(file, "w:gz") as archive:
        for name, text in _files(evidence, found):
            data = without_secrets(text).encode()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
            count += 1
    return count


def without_secrets(text: str) -> str:
    """The text with tokens, passwords and private keys replaced, as far as their form shows."""
    for pattern, shown in _SECRET_TEXTS:
        text = pattern.sub(shown, text)
    return text


def _files(evidence: Evidence, found: Sequence[Cause]) -> Iterator[tuple[str, str]]:
    yield "causes.txt", "".join(f"{cause.rank.name.lower()}\n{cause.problem}\n" for cause in found)
    for kind, objects in evidence.objects.items():
        shown = sorted((_shown(one) for one in objects), key=reference)
        yield f"objects/{kind}.json", json.dumps(shown, indent=1, sort_keys=True)
    yield (
        "secrets.json",
        json.dumps(
            {
                name: sorted(keys) if keys is not None else None
                for name, keys in evidence.keys.items()
            },
            indent=1,
        ),
    )
    yield "differences.json", json.dumps(evidence.differences, indent=1, default=str)
    yield "unread.json", json.dumps(evidence.unread, indent=1)
    for (namespace, pod, container), text in evidence.logs.items():
        yield f"logs/{namespace}/{pod}/{container}.log", text


def _shown(thing: dict[str, Any]) -> dict[str, Any]:
    """Without what no diagnosis needs, and without annotations with whole objects in them."""
    metadata = {key: value for key, value in thing["metadata"].items() if key != "managedFields"}
    annotations = metadata.get("annotations", {})
    metadata["annotations"] = {
        key: value for key, value in annotations.items() if "last-applied" not in key
    }
    return {**thing, "metadata": metadata}
