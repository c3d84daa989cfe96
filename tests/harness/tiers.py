"""Parameters of a test of which a part is in `make test`, and the others in `make test-slow`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from _pytest.mark import ParameterSet


def sampled(parameters: Iterable[Any], every: int) -> list[ParameterSet]:
    """The parameters of a test, all but each `every`-th marked slow; the first is not.

    For tests that say the same of many rows of a table: `make check` runs each row once.
    """
    found: list[ParameterSet] = []
    for number, values in enumerate(parameters):
        one = ParameterSet.extract_from(values, force_tuple=not isinstance(values, tuple))
        slow = [pytest.mark.slow] if number % every else []
        found.append(pytest.param(*one.values, id=one.id, marks=[*one.marks, *slow]))
    return found
