"""Checks whether a container image reference has a tag, a digest or a placeholder digest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, cast

from .problems import Problem

PLACEHOLDER: Final = "@sha256:" + "0" * 64
"""Stands in the stack files for the digest of an image that has not been pushed yet."""

_DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")
_UNPUSHED: Final = re.compile(rf"([^\s\"'@]+){PLACEHOLDER}(?![0-9a-f])")
"""An image with the placeholder, also within a longer text such as a task definition."""


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


def placeholder_problems(value: object, at: str) -> Iterator[Problem]:
    """A problem for each placeholder digest in ``value``: text, mappings, lists, dataclasses.

    Args:
        value: args or a configuration.
        at: its path, with which the path of each problem begins.
    """
    if isinstance(value, str):
        for image in _UNPUSHED.findall(value):
            yield Problem(
                at,
                f"{image} has a digest of zeros: a placeholder",
                "no registry has such an image: it would never start",
                f"set the digest of what your pipeline pushed (crane digest {image})",
            )
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[Any, Any]", value).items():
            yield from placeholder_problems(inner, f"{at}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(cast("list[Any]", value)):
            yield from placeholder_problems(inner, f"{at}[{index}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from placeholder_problems(getattr(value, field.name), f"{at}.{field.name}")
