"""The tables of docs/sources list every value of the source documents, and no other.

``SEEDS_DIR`` is the folder of the documents. Without it, the listed values must be those that were
compared last.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.harness.source_documents.blocks import blocks
from tests.harness.source_documents.documents import values_of
from tools.source_tables import FOLDER, NOT_YET, source, source_table, systems

DOCUMENTS: Final = {
    "s0": "000_15fec3be14b980b9.txt",
    "s1": "001_8e5cb2cb61cd4f0b.txt",
    "s2": "002_6e7564bc2d27bba4.txt",
    "s3": "003_bb3e780dde8a953c.txt",
    "s4": "004_6b7846df15e2fc92.txt",
}
DIGESTS: Final = {
    "s0": "24e16552c83e4edd",
    "s1": "a43fcacf930785c5",
    "s2": "034aa6ff72509556",
    "s3": "603bb4fb614789cc",
    "s4": "10bf840687a5b5dd",
}
"""Of the values when they were last equal to the document."""
SYNTAX: Final = {"done", "else", "exit", "fi", "graph", "TD", "secretref"}
"""Words of scripts, pictures and tags that are no values."""
SEEDS: Final = os.environ.get("SEEDS_DIR")
each_source = pytest.mark.parametrize("name", DOCUMENTS)


def document(name: str) -> str:
    if SEEDS is None:
        pytest.skip("SEEDS_DIR is not set")
    return (Path(SEEDS) / DOCUMENTS[name]).read_text()


@cache
def listed(name: str) -> dict[str, dict[str, str]]:
    return {each.name: dict(each.values) for each in source(name).objects}


def test_every_data_file_has_its_page_and_its_document():
    files = {file.stem for file in FOLDER.glob("s?.yaml")}
    assert files == DOCUMENTS.keys() == DIGESTS.keys()
    for name in files:
        mark = f"<!-- generated: source {name} -->"
        assert mark in (FOLDER / f"{name}.md").read_text()


@each_source
def test_a_table_lists_exactly_the_values_of_its_document(name: str):
    assert listed(name) == values_of(document(name))


@each_source
def test_listed_values_are_those_that_were_compared_last(name: str):
    text = json.dumps(listed(name), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == DIGESTS[name]


@each_source
def test_every_word_and_number_of_a_code_block_is_in_a_value(name: str):
    """Read without the readers. Of programs only numbers count."""
    known = set(re.findall(r"\w+", json.dumps(listed(name), ensure_ascii=False)))
    comment = re.compile(r"(^|\s)(#|//|echo ).*")
    for block in blocks(document(name)):
        if block.language != "text":
            text = "\n".join(comment.sub("", line) for line in block.lines)
            words = re.findall(r"\d+" if block.language == "rust" else r"\w{2,}", text)
            assert set(words) - known <= SYNTAX, f"in the block {block.title}"


@each_source
def test_every_value_is_in_a_row(name: str):
    without = [f"{o.name}: {path}" for o, path, row in source(name).classified() if row is None]
    assert without == []


@each_source
def test_every_row_is_the_first_that_covers_some_value(name: str):
    unused = [
        f"{each.name}: {row.at}"
        for each in source(name).objects
        for row in each.rows
        if all(found is not row for found in each.outcomes.values())
    ]
    assert unused == []


@each_source
def test_a_page_has_a_row_for_each_value(name: str):
    lines = [line for line in source_table(name).splitlines() if re.match(r"\| `", line)]
    assert len(lines) == sum(len(values) for values in listed(name).values())


def test_a_system_is_listed_if_and_only_if_a_row_waits_for_it():
    rows = [row for name in DOCUMENTS for _, _, row in source(name).classified()]
    waiting = {row.why for row in rows if row and row.status == NOT_YET}
    assert waiting == systems().keys()


def test_every_id_of_a_system_is_in_the_list_of_systems():
    """The list is next to the folder of the documents."""
    if SEEDS is None or not (found := Path(SEEDS).parent / "SYSTEMS.md").exists():
        pytest.skip("there is no list of systems next to SEEDS_DIR")
    assert systems().keys() <= set(re.findall(r"^\| ([A-M]\d+) \|", found.read_text(), re.M))


def read(language: str, text: str) -> dict[str, dict[str, str]]:
    return values_of(f"# Title\n```{language}\n{text}\n```\n")


@pytest.mark.parametrize(
    ("language", "text", "values"),
    [
        ("yaml", "a: [{name: b, c: 1}]", {"a[b].name": "b", "a[b].c": "1"}),
        ("yaml", "a: !secretref 'b'", {"a": "b"}),
        ("yaml", "run: |\n  one\n  two", {"run line 1": "one", "run line 2": "two"}),
        ("json", '{"a": [true, null, 1.5]}', {"a[0]": "true", "a[1]": "null", "a[2]": "1.5"}),
        ("dockerfile", "# why\nRUN a \\\n  b\nRUN c", {"RUN": "a b", "RUN (2)": "c"}),
        ("bash", "# why\necho done\na \\\n  b", {"command 1": "a b"}),
        ("bash", "echo at https://a.example", {"command 1": "echo at https://a.example"}),
        ("bash", "a -p '{\n  \"b\": 1\n}'", {"command 1": "a -p '{ \"b\": 1 }'"}),
        ("nginx", "a { b 1; # why\n b 2; }", {"a.b": "1", "a.b (2)": "2"}),
        ("conf", "# why\nmaxmemory 1mb", {"maxmemory": "1mb"}),
        ("rust", 'f(20) // 3\nlet a = "b";', {"f": "20", "a": "b"}),
        ("rust", "f().g(h(3), true)", {"g.h": "3", "g": "true"}),
        ("mermaid", "A[One] --> B[Two]", {"A": "One", "B": "Two"}),
        ("", "│ Port: 1 │──▶ Two", {"word 1": "Port: 1", "word 2": "Two"}),
    ],
)
def test_a_code_block_is_read_in_its_language(language: str, text: str, values: dict[str, str]):
    assert read(language, text) == {"Title": values}


def test_objects_of_kubernetes_are_called_by_kind_and_name():
    two = "kind: A\nmetadata: {name: b}\n---\nkind: A\nmetadata: {name: b}"
    assert [*read("yaml", two)] == ["A b", "A b (2)"]


def test_manifests_in_a_script_are_objects():
    found = read("bash", "kubectl apply -f - <<EOF\nkind: A\nmetadata: {name: b}\nEOF")
    assert [*found] == ["Title", "A b"]


def test_items_of_a_list_that_differ_are_both_read():
    found = read("yaml", "a: [{name: b, c: 1}, {name: b, c: 2}]")
    assert found == {"Title": {"a[b].name": "b", "a[b].c": "1", "a[b].c (2)": "2"}}


def test_lines_of_text_with_a_number_or_a_name_are_read():
    text = "# Title\n1. none here\n2. wait 30 s\n- `name`\n- **Only**: words\n"
    found = values_of(text)["Title (text)"]
    assert [*found.values()] == ["wait 30 s", "`name`", "**Only**: words"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# A\n```cobol\nMOVE 1 TO B\n```\n", "no reader for cobol"),
        ("# A\n```yaml\na: 1\n", "has no end"),
    ],
)
def test_a_document_that_cannot_be_read_is_an_error(text: str, words: str):
    with pytest.raises(ValueError, match=words):
        values_of(text)


def test_a_block_that_is_not_of_its_language_is_an_error():
    with pytest.raises(yaml.YAMLError):
        read("yaml", "a: [")
