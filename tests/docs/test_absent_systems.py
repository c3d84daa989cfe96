"""No page and no text of the program claims that a system acts that the stacks do not deploy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from stacks.config.data import Data
from tests.harness.containers import ROOT
from tests.harness.graph_queries import STACKS
from tests.harness.stacks import stack

GROUPS = {
    "cert-manager": "cert-manager.io",
    "KEDA": "keda.sh",
    "Istio": "istio.io",
    "Velero": "velero.io",
    "Envoy Gateway": "gateway.envoyproxy.io",
}
"""Systems of the source documents with the group of their API."""
FOLDERS = ("docs", "components", "stacks", "delivery", "policies", "review", "runtime", "examples")
ACTS = re.compile(
    rf"({'|'.join(GROUPS)}) (also )?"
    r"(writes|renews|creates|does|issues|rotates|sends|scales|serves|routes|makes|keeps|updates)",
    re.IGNORECASE,
)
NAMES_ARE_USED = re.compile(r"(alerts|dashboards)[^.]{0,40}(use|depend on|rely on)", re.IGNORECASE)


def texts() -> Iterator[Path]:
    yield ROOT / "README.md"
    for folder in FOLDERS:
        for ending in ("*.md", "*.py", "*.j2"):
            yield from (ROOT / folder).rglob(ending)


def acting(text: str) -> list[str]:
    """The claims in a text; a line break may be anywhere in a sentence."""
    plain = re.sub(r'[\s"]+', " ", text)
    return [m[0] for pattern in (ACTS, NAMES_ARE_USED) for m in pattern.finditer(plain)]


def test_no_text_claims_that_an_absent_system_acts():
    claims = {str(p.relative_to(ROOT)): found for p in texts() if (found := acting(p.read_text()))}
    assert claims == {}


@pytest.mark.parametrize(
    "text",
    [
        "create it there (Velero does in staging and prod)",
        "of the type kubernetes.io/tls, which cert-manager\nwrites and renews",
        "alerts, dashboards and autoscaling rules depend on their names",
    ],
)
def test_a_claim_that_an_absent_system_acts_is_found(text: str):
    assert acting(text)


@pytest.mark.parametrize("name", STACKS)
def test_the_systems_are_in_no_stack(name: str):
    """When one of them is deployed, its name leaves the list above."""
    versions = {str(r.inputs.get("apiVersion", "")) for r in stack(name).resources}
    assert [group for group in GROUPS.values() if any(group in v for v in versions)] == []


@pytest.mark.parametrize("field", ["kind", "cache_kind"])
def test_the_readme_lists_the_kinds_of_stores_that_a_stack_can_have(field: str):
    """When a kind is added, what the README says of its service changes too."""
    absent = (ROOT / "README.md").read_text().split("## What is not there yet")[1]
    kinds = absent.split("of a stack are ")[1].split(".")[0]
    of_postgres, of_cache = kinds.split("for PostgreSQL")
    listed = set(re.findall(r"`([a-z-]+)`", of_postgres if field == "kind" else of_cache))
    assert listed == set(get_args(Data.model_fields[field].annotation))
