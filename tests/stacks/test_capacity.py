"""Quantities and the sum of what a platform asks for at its largest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.base.quantities import UNITS
from components.base.quantities import quantity as amount
from stacks.config.scaling import ServiceScale
from stacks.config.stack import StackConfig
from stacks.rules.capacity import Ask, asks, manifests


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("250m", "0.25"),
        ("1", "1"),
        ("0.5", "0.5"),
        ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("2k", "2000"),
        ("3M", "3000000"),
    ],
)
def test_a_quantity_is_what_kubernetes_makes_of_it(quantity: str, number: str):
    assert amount(quantity) == Decimal(number)


@given(st.integers(min_value=0, max_value=10**6), st.sampled_from(["", *UNITS]))
def test_a_quantity_is_its_digits_times_its_unit(digits: int, unit: str):
    assert amount(f"{digits}{unit}") == digits * UNITS.get(unit, 1)


def test_every_container_of_every_pod_counts():
    containers = [{"requests": {"cpu": cpu}} for cpu in ("100m", "1")]
    assert Ask("a", 3, tuple(containers)).total("requests", "cpu") == Decimal("3.3")


def of(name: str, **config: Any) -> Ask:
    given = StackConfig(topology="microservices", **config)
    return next(ask for ask in asks(manifests(given)) if ask.workload == name)


def test_an_autoscaled_service_counts_at_its_most_pods_and_those_that_surge():
    assert of("mcp-gateway").pods == 10 + 1


def test_a_configured_scale_replaces_the_topologys():
    assert of("mcp-gateway", scaling={"mcp-gateway": ServiceScale(min=1, max=3)}).pods == 3 + 1
    assert of("mcp-gateway", scaling={"mcp-gateway": ServiceScale(replicas=2)}).pods == 2 + 1


def test_configured_resources_replace_the_topologys_one_by_one():
    given = of("mcp-gateway", scaling={"mcp-gateway": ServiceScale(cpu="2")}).containers[0]
    assert given["requests"] == {"cpu": "2", "memory": "128Mi", "ephemeral-storage": "64Mi"}
