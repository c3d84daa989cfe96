"""The line of a report for one Kubernetes object."""

from __future__ import annotations

import pytest

from review.report.summaries import fact
from tests.harness.graphs import kube


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (0, ""),
        (2, "k0, k1"),
        (6, "k0, k1, k2, k3, k4, k5"),
        (40, "k0, k1, k2, k3, k4, k5, and 34 more"),
    ],
)
def test_a_configmap_shows_its_first_keys(number: int, line: str):
    data = {f"k{index}": "v" for index in range(number)}
    made = kube("core/v1:ConfigMap", "pages", data=data)
    assert fact(made) == line
