"""Files of a ConfigMap that are mounted one by one, each at its own path."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from ..base.problems import Problem
from .container import Files

LARGEST: Final = 1024 * 1024
"""Bytes that a ConfigMap may hold: https://kubernetes.io/docs/concepts/configuration/configmap/"""


def placed_files(name: str, texts: Mapping[str, str]) -> list[Files]:
    """The ConfigMap ``name`` with these texts by absolute path; none without texts."""
    if not texts:
        return []
    keys = {path: _key(path) for path in texts}
    return [
        Files(
            name=name,
            content={keys[path]: text for path, text in texts.items()},
            places={key: path for path, key in keys.items()},
        )
    ]


def placed_files_problems(texts: Mapping[str, str]) -> Iterator[Problem]:
    """Problems of ``files``: too large together, or the path of one is the directory of another."""
    size = sum(len(text.encode()) for text in texts.values())
    if size > LARGEST:
        yield Problem(
            "files",
            f"have {size} bytes, and a ConfigMap holds {LARGEST}",
            "the API server refuses the ConfigMap",
            "put large files into the image",
        )
    for path in texts:
        if any(other.startswith(f"{path}/") for other in texts):
            yield Problem(
                f"files.{path}",
                "is the directory of another file",
                "the container could not start",
                "leave one of the two out",
            )


def _key(path: str) -> str:
    """The key of the file in the ConfigMap; different for each path."""
    digest = hashlib.sha256(path.encode()).hexdigest()[:8]
    return f"{digest}-{path.rpartition('/')[2].lstrip('.')[:200]}".rstrip("-")
