"""Checks whether a container image reference has a tag, a digest or a placeholder digest."""

from __future__ import annotations

import re
from typing import Final

PLACEHOLDER: Final = "@sha256:" + "0" * 64
"""Stands in the stack files for the digest of an image that has not been pushed yet."""

_DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")


def has_digest(image: str) -> bool:
    """Whether the reference has a digest, so that it always names the same image."""
    return _DIGEST.search(image) is not None


def has_version(image: object) -> bool:
    """Whether it is a reference with a digest, or with a tag that is not ``latest``."""
    if not isinstance(image, str):
        return False
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return has_digest(image) or tag not in ("", "latest")


def is_placeholder(image: str) -> bool:
    """Whether the digest is the placeholder of the committed stack files (all zeros)."""
    return image.endswith(PLACEHOLDER)
