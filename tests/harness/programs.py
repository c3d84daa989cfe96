"""The real programs that tests run, or the reason why a test cannot."""

from __future__ import annotations

import pytest

from tools.programs_on_path import CACHE, LIBRARIES, environment, find

__all__ = ["CACHE", "LIBRARIES", "environment", "find", "required"]


def required(*names: str) -> str:
    """As ``find``; skips the test, saying how to get the program, where there is none."""
    path = find(*names)
    if path is None:
        pytest.skip(
            f"no {names[0]} on this machine; get it with tools/programs (Debian) or install it"
        )
    return path
