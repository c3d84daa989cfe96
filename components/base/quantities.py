"""Kubernetes quantities as numbers: ``250m`` of a CPU, ``1Gi`` of memory."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

UNITS: Final = {
    **{"": Decimal(1), "m": Decimal("0.001"), "u": Decimal("1e-6"), "n": Decimal("1e-9")},
    **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate("kMGTPE")},
    **{f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTPE")},
}
"""What each suffix multiplies by ("Quantity" in the reference of the Kubernetes API)."""

_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?P<rest>[eE][+-]?[0-9]+|[A-Za-z]*)"
)


def quantity(written: object) -> Decimal:
    """A quantity in its base unit (CPUs, bytes, a count).

    Raises:
        ValueError: it is not a quantity.
    """
    match = _QUANTITY.fullmatch(str(written))
    if match is None:
        raise ValueError(f"{written!r} is no quantity")
    number, rest = match["number"], match["rest"]
    if rest in UNITS:
        return Decimal(number) * UNITS[rest]
    if rest[1:].lstrip("+-").isdigit():
        return Decimal(number + rest)
    raise ValueError(f"{written!r} has no unit that Kubernetes knows")
