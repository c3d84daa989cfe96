"""Prod has every value of the deployment patterns, or the page states the deviation.

``patterns.yaml`` holds what the source document says, object by object, path by path (as
tests/harness/flatten.py writes them; a text of several lines by its digest). The page
``docs/reference/deployment-patterns.md`` has a row for each value that deviates, and one for each
object that is not yet built. Where the source document is present, the list is compared with it;
elsewhere the list must be the one that was.
"""

from __future__ import annotations

import hashlib
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
from tests.harness.graph_queries import STACKS, Pods, objects, pods
from tests.harness.stacks import stack

TABLE: Final = ROOT / "docs/reference/deployment-patterns.md"
SOURCE: Final = Path(os.environ.get("SEEDS_DIR", ".")) / "000_15fec3be14b980b9.txt"
PATTERNS: Final[dict[str, dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("patterns.yaml").read_text()
)
LIST_DIGEST: Final = "sha256:bb58b01c3edc830f"
"""Of the list when it was last equal to the document."""
CALLED: Final = {
    "Secret mcp-tls-certificates": "mcp-tls-secret",
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
    cells = _section("## Values that deviate")
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


def _section(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the page."""
    text = TABLE.read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("| \n").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]


@cache
def not_built() -> dict[str, list[str]]:
    """The objects of the document that are not built yet, with the ids of their systems."""
    return {_quoted(row[0])[0]: _quoted(row[1]) for row in _section("## Not yet built")}


@cache
def systems() -> dict[str, str]:
    """The system of each id on the page."""
    return {_quoted(row[0])[0]: row[1] for row in _section("## Systems")}


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
            return _required_secret(CALLED.get(name, plain))
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


PLACES: Final = [
    (name, path) for name, values in PATTERNS.items() if name not in not_built() for path in values
]


@cache
def deviating() -> list[tuple[str, str]]:
    carriers = {name: carrier(name) for name in PATTERNS if name not in not_built()}
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


def test_every_object_that_is_not_built_has_a_row_with_its_system():
    assert len(PATTERNS) == 27
    assert not_built().keys() <= PATTERNS.keys()
    used = {each for ids in not_built().values() for each in ids}
    used |= {each for row in rows() for each in re.findall(r"\b[A-Z][0-9]{1,2}\b", row.reason)}
    assert used == systems().keys()


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("missing", not_built())
def test_objects_listed_as_not_yet_built_are_in_no_stack(missing: str, name: str):
    kind, _, plain = missing.partition(" ")
    found = [one["metadata"]["name"] for one in objects(stack(name), kind)]
    assert plain not in found, f"remove the row of {TABLE.name}, and list its values that deviate"


def in_the_document() -> dict[str, dict[str, Any]]:
    """The objects of the source document, read from its YAML blocks."""
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
                found[name] = dict(map(as_fact, *zip(*flatten(tree).items(), strict=True)))
    return found


def as_fact(path: str, value: Any) -> tuple[str, Any]:
    """A path and its value; a text of several lines, which is a program, by its digest."""
    programs = re.findall(r"\[([^]]*\n[^]]*)]", path) or ([path] if "\n" in path else [])
    for program in programs:
        path = path.replace(program, digest(program))
    return path, digest(value) if isinstance(value, str) and "\n" in value else value


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def test_the_list_of_objects_equals_the_source_document():
    assert digest(json.dumps(PATTERNS, sort_keys=True)) == LIST_DIGEST
    if SOURCE.exists():
        assert in_the_document() == PATTERNS
