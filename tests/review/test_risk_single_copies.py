"""Risk: production data in one pod, such as the embedded PostgreSQL of prod."""

from __future__ import annotations

from typing import Any

import pytest

from graph.resource_graph import Resource
from review.diff import diff
from review.risk import risks
from review.risks.classes import RiskClass
from tests.harness.graphs import findings, graph, kube, workload
from tests.harness.stacks import stack

CLAIM = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}


def space(environment: str) -> Resource:
    made = kube("core/v1:Namespace", "core", namespace=None)
    made.inputs["metadata"]["labels"] = {"environment": environment}
    return made


def store(replicas: int | None = 1, *, claims: Any = (CLAIM,)) -> Resource:
    given: dict[str, Any] = {} if replicas is None else {"replicas": replicas}
    return workload(
        type="apps/v1:StatefulSet",
        name="postgres",
        serviceName="postgres",
        volumeClaimTemplates=list(claims),
        **given,
    )


def single(before: Resource | None, after: Resource | None, environment: str) -> list[str]:
    return findings(RiskClass.SINGLE, before, after, space(environment))


@pytest.mark.parametrize("before", [None, store(3)])
@pytest.mark.parametrize("environment", ["prod", "production"])
def test_one_pod_with_a_volume_is_a_risk_in_production(before: Resource | None, environment: str):
    (found,) = single(before, store(), environment)
    assert found.startswith("StatefulSet core/postgres is one pod with a volume")


@pytest.mark.parametrize(
    ("before", "after", "environment"),
    [
        (None, store(), "development"),
        (None, store(), "staging"),
        (None, store(3), "production"),
        (None, store(claims=()), "production"),
        (None, workload(), "production"),
        (store(), None, "production"),
        (store(3), store(2), "production"),
    ],
)
def test_other_pods_and_environments_are_no_risk(
    before: Resource | None, after: Resource | None, environment: str
):
    assert single(before, after, environment) == []


def test_a_pod_that_was_alone_before_is_no_risk_of_the_change():
    assert single(store(), store(None), "production") == []


@pytest.mark.slow
def test_the_embedded_database_of_prod_is_a_risk_and_that_of_staging_is_none():
    def found(name: str) -> set[str]:
        made = risks(diff(graph(), stack(name)))
        return {one.what.split()[1] for one in made if one.risk is RiskClass.SINGLE}

    assert "qudag-mcp-prod/postgres" in found("prod")
    assert found("staging") == set()
