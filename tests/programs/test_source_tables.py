"""The product has what the tables of docs/sources say, where a test can read it."""

from __future__ import annotations

import pytest

from tests.harness.source_documents.rendered import problem_of, same
from tools.source_tables import CARRIED, DEVIATES, FOLDER, NOT_YET, Object, Row, source

SOURCES = sorted(file.stem for file in FOLDER.glob("s?.yaml"))
SERVER = "load-balanced: Deployment qudag-mcp"


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_the_product_has_what_a_table_says(name: str):
    problems = {
        f"{of.name} {path}": problem
        for of, path, row in source(name).classified()
        if row is not None and (problem := problem_of(of, path, row))
    }
    assert problems == {}


def of(value: str, rendered: str = "", name: str = "Deployment made-up") -> Object:
    return Object(
        name=name,
        values={"spec.replicas": value},
        stack="load-balanced",
        rendered=rendered,
        rows=[],
    )


def carried(**place: object) -> Row:
    return Row(at=["*"], status=CARRIED, place=place)


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ("3", carried(object=SERVER, path="spec.replicas")),
        ("3", carried(object=SERVER, has='"replicas": {value}')),
        ("3", carried(setting="data.databasePool.acquireSeconds", default=True)),
        ("3", carried(setting="scaling.*.replicas")),
        ("5432", carried(code="components.mcp.data_tier:POSTGRES")),
        ("make up", carried(file="README.md", has="{value}")),
    ],
)
def test_a_wrong_value_or_place_is_found(value: str, row: Row):
    assert problem_of(of(value), "spec.replicas", row) is None
    wrong = {
        "path": "spec.absent",
        "has": "absent text",
        "setting": "data.absent",
    }
    changed = {key: wrong.get(key, said) for key, said in row.place.items()}
    if changed != row.place:
        assert problem_of(of(value), "spec.replicas", carried(**changed))
    if row.place.keys() & {"path", "default", "code"} or "{value}" in str(row.place.get("has")):
        assert problem_of(of("no such value"), "spec.replicas", row)


def test_a_place_of_no_known_form_is_refused():
    assert problem_of(of("3"), "spec.replicas", carried(somewhere="else"))
    assert problem_of(of("3"), "spec.replicas", carried(stated="here"))


def test_a_deviation_needs_a_reason_and_what_it_says_is_rendered():
    reason = "another number is better for this workload"
    fine = Row(at=["*"], status=DEVIATES, why=reason, instead=["qudag-mcp-service"])
    assert problem_of(of("4"), "spec.replicas", fine) is None
    assert problem_of(of("4"), "spec.replicas", Row(at=["*"], status=DEVIATES, why="why not"))
    absent = Row(at=["*"], status=DEVIATES, why=reason, instead=["no such text"])
    assert problem_of(of("4"), "spec.replicas", absent)


def test_a_value_that_is_rendered_does_not_deviate():
    row = Row(at=["*"], status=DEVIATES, why="another number is better for this workload")
    assert problem_of(of("3", SERVER), "spec.replicas", row)
    assert problem_of(of("4", SERVER), "spec.replicas", row) is None


def test_an_object_that_a_stack_has_is_not_called_not_yet():
    row = Row(at=["*"], status=NOT_YET, why="D1")
    assert problem_of(of("3"), "spec.replicas", row) is None
    assert problem_of(of("3", name="Deployment qudag-mcp"), "spec.replicas", row)


def test_the_same_quantity_counts_as_the_same_value():
    assert same("1000m", "1")
    assert same("true", True)
    assert not same("3", "4")
    assert not same("3", None)
