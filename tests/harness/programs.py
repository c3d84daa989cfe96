"""Finds the real programs that tests need, or skips the test with the reason."""

from __future__ import annotations

import pytest

from tools.programs_on_path import CACHE, LIBRARIES, environment, find

__all__ = ["CACHE", "LIBRARIES", "environment", "find", "required"]


def required(*names: str) -> str:
    """Find a program; skips the test with an installation hint if it is absent."""
    path = find(*names)
    if path is None:
        pytest.skip(
            f"no {names[0]} on this machine; get it with tools/programs (Debian) or install it"
        )
    return path
