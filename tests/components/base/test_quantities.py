"""Quantities are the numbers that Kubernetes takes them for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from components.base.quantities import quantity


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("250m", "0.25"),
        ("2", "2"),
        (2, "2"),
        (0.5, "0.5"),
        (".5", "0.5"),
        ("1.", "1"),
        ("1k", "1000"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("512M", "512000000"),
        ("1e3", "1000"),
        ("12E-1", "1.2"),
        ("1E", "1000000000000000000"),
        ("1Ei", "1152921504606846976"),
        ("5n", "0.000000005"),
        ("-1", "-1"),
    ],
)
def test_a_quantity_is_the_number_that_kubernetes_takes_it_for(written: object, number: str):
    assert quantity(written) == Decimal(number)


@pytest.mark.parametrize(
    "written", ["", ".", "m", "1 Gi", "1gi", "1K", "1mi", "1e3Ki", "1e", "٣", "NaN", None, "1_0"]
)
def test_text_that_kubernetes_refuses_is_not_a_quantity(written: object):
    with pytest.raises(ValueError, match=r"no quantity|no unit"):
        quantity(written)
