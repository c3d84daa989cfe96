"""Real input: prod carries every value of the deployment patterns, or the table says why not.

``patterns.yaml`` holds what the source document says, object by object, path by path (as
tests/harness/flatten.py writes them). ``docs/reference/deployment-patterns.md`` holds one table
with a row for each deviation.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import pytest
import yaml

from components.base.quantities import quantity as amount
from tests.harness.containers import ROOT
from tests.harness.flatten import flatten
from tests.harness.graph_queries import Pods, objects, pods
from tests.harness.stacks import stack

TABLE: Final = ROOT / "docs/reference/deployment-patterns.md"
SOURCE: Final = Path(os.environ.get("SEEDS_DIR", ".")) / "000_15fec3be14b980b9.txt"
PATTERNS: Final[dict[str, dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("patterns.yaml").read_text()
)
CALLED: Final = {
    "ConfigMap mcp-server-config": "mcp-core-config",
    "NetworkPolicy mcp-network-policy": "mcp-core-flows",
}
"""Objects of the document that have another name here; the table says why."""


@dataclass(frozen=True)
class Row:
    """A row of the table: which values deviate, and how."""

    object: str
    path: str
    stated: frozenset[str]
    rendered: frozenset[str]
    reason: str

    def covers(self, place: tuple[str, str]) -> bool:
        return _matches(self.object, place[0]) and _matches(self.path, place[1])


def _matches(pattern: str, text: str) -> bool:
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text) is not None


@cache
def rows() -> list[Row]:
    cells = [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in TABLE.read_text().splitlines()
        if line.startswith("| `")
    ]
    return [
        Row(
            object=_quoted(row[0])[0],
            path=_quoted(row[1])[0],
            stated=frozenset(_quoted(row[2])),
            rendered=frozenset(_quoted(row[3])),
            reason=row[4],
        )
        for row in cells
    ]


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def carrier(name: str) -> dict[str, Any]:
    """The leaves of what stands for an object of the document in the rendered stacks."""
    kind, _, plain = name.partition(" ")
    match kind:
        case "SecurityContext":
            return flatten({"spec": _core().container("mcp-core")["securityContext"]})
        case "Secret":
            return _required_secret(plain)
        case "ConfigMap":
            # What concerns the node stands with the node.
            node = _rendered(kind, "qudag-integration-config")
            of_node = {p: v for p, v in node.items() if re.match(r"data.*(node\.toml|qudag)", p)}
            return {**_rendered(kind, CALLED[name]), **of_node}
        case "Namespace":
            return _rendered(kind, plain, of=plain.rpartition("-")[2])
        case _:
            return _rendered(kind, CALLED.get(name, plain))


def _core() -> Pods:
    return next(found for found in pods(stack("prod")) if found.name == "mcp-core")


def _required_secret(name: str) -> dict[str, Any]:
    """A Secret as far as the program knows of it: its name and its keys, never their values."""
    (secret,) = [s for s in stack("prod").outputs["required_secrets"] if s["name"] == name]
    metadata = {"name": secret["name"], "namespace": secret["namespace"]}
    return flatten(
        {"metadata": metadata, "stringData": dict.fromkeys(secret["keys"], secret["kind"])}
    )


@cache
def _rendered(kind: str, name: str, of: str = "prod") -> dict[str, Any]:
    (found,) = [one for one in objects(stack(of), kind) if one["metadata"]["name"] == name]
    return flatten(found)


def same(stated: Any, rendered: Any) -> bool:
    """Equal, or the same quantity: ``1000m`` is ``1``."""
    if stated == rendered or rendered is None:
        return stated == rendered
    try:
        return amount(str(stated)) == amount(str(rendered))
    except ValueError:
        return False


PLACES: Final = [(name, path) for name, values in PATTERNS.items() for path in values]


@cache
def deviating() -> list[tuple[str, str]]:
    carriers = {name: carrier(name) for name in PATTERNS}
    return [
        (name, path)
        for name, path in PLACES
        if not same(PATTERNS[name][path], carriers[name].get(path))
    ]


def test_every_value_is_carried_or_has_exactly_one_row():
    covered = {place: [row for row in rows() if row.covers(place)] for place in deviating()}
    wrong = {place: len(found) for place, found in covered.items() if len(found) != 1}
    assert wrong == {}, f"places with how many rows of {TABLE.name}"


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.object} {row.path}")
def test_every_row_covers_a_deviating_value(row: Row):
    places = [place for place in PLACES if row.covers(place)]
    assert places, "covers nothing that the document says"
    assert [place for place in places if place not in deviating()] == [], "is carried after all"


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.object} {row.path}")
def test_every_row_has_the_documents_value_and_a_reason(row: Row):
    places = [place for place in PLACES if row.covers(place)]
    assert row.stated == {written(PATTERNS[name][path]) for name, path in places}
    assert len(row.reason.split()) > 5


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.object} {row.path}")
def test_every_row_has_the_rendered_value(row: Row):
    instead = {
        written(value)
        for name, path in PLACES
        if row.covers((name, path)) and (value := carrier(name).get(path)) is not None
    }
    assert instead <= row.rendered
    graph = stack("prod").to_json()
    assert [said for said in row.rendered if json.dumps(said)[1:-1] not in graph] == []


def in_the_document() -> dict[str, dict[str, Any]]:
    """The objects of the source that the transcription holds, read from its YAML blocks."""
    found: dict[str, dict[str, Any]] = {}
    for block in re.findall(r"```yaml\n(.*?)```", SOURCE.read_text(), re.DOTALL):
        try:
            documents = list(yaml.safe_load_all(block))
        except yaml.YAMLError:
            continue  # a template of another program
        for document in documents:
            if isinstance(document, dict) and "kind" in document:
                tree = cast("dict[str, Any]", document)
                name = f"{tree['kind']} {tree.get('metadata', {}).get('name', '')}".strip()
                found[name] = flatten(tree)
    return found


@pytest.mark.skipif(not SOURCE.exists(), reason="SEEDS_DIR does not name the source documents")
def test_the_transcribed_patterns_equal_the_document():
    document = in_the_document()
    assert {name: document[name] for name in PATTERNS} == PATTERNS
    kinds = {"Namespace", "ResourceQuota", "LimitRange", "HorizontalPodAutoscaler", "NetworkPolicy"}
    assert {name for name in document if name.partition(" ")[0] in kinds} <= PATTERNS.keys()
