"""Examples in the documentation run; its tables and diagrams are those of the code."""

from __future__ import annotations

import copy
import re
import sys
import textwrap
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import components
from components.base.component import Component
from components.base.tokens import TYPE_TOKENS
from stacks.config.validation import validate
from tests.harness import record
from tests.harness.authority_certificate import CERTIFICATE
from tests.harness.prod import read_in_clouds
from tools.docs import ROOT, documented, pages, refreshed, verbs

PAGES = pages()
EXAMPLES = [
    pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]
CONFIGURATIONS = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL))
    if "qudag-mcp:" in text and "resources:" not in text  # a program in Pulumi YAML
]
VERBS = verbs()
PUBLIC = [getattr(components, name) for name in dir(components)]


@cache
def prod_sections() -> dict[str, Any]:
    return sections((ROOT / "Pulumi.prod.yaml").read_text())


def sections(text: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(text)["config"]
    return {key.removeprefix("qudag-mcp:"): value for key, value in config.items()}


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_in_the_documentation_runs(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pulumi_qudag_mcp", components)
    record(lambda: exec(code, {}))


def with_certificates(text: str) -> str:
    """A page's text with a certificate in place of one that it only indicates."""
    shown = re.compile(r"( *)-----BEGIN CERTIFICATE-----\n *…\n *-----END CERTIFICATE-----\n")
    return shown.sub(lambda found: textwrap.indent(CERTIFICATE, found[1]), text)


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_configuration_in_the_documentation_is_accepted(text: str) -> None:
    """A complete configuration is validated alone, a part together with the rest of prod's."""
    shown: dict[str, Any] = sections(with_certificates(text).replace("…", "0" * 64))
    prod = copy.deepcopy(prod_sections())
    if "observability" in shown:  # in place of prod's, whose collectors alone use this image
        del prod["images"]["collector"]
    if "data" in shown:  # the same of the exporters of prod's databases
        del prod["images"]["postgresExporter"], prod["images"]["valkeyExporter"]
    if shown.get("kubernetes", {}).get("enabled") is False:
        prod = read_in_clouds(prod)
    validate(shown if {"environment", "topology"} & shown.keys() else prod | shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_generated_blocks_are_current(page: Path) -> None:
    text = page.read_text()
    assert text == refreshed(text), "refresh them: .venv/bin/python -m tools.docs"


@pytest.mark.parametrize(
    "cls", [c for c in PUBLIC if isinstance(c, type) and is_dataclass(c)], ids=lambda c: c.__name__
)
def test_every_field_of_a_public_dataclass_is_explained(cls: type[Any]) -> None:
    assert {field.name for field in fields(cls)} <= set(documented(cls))


@pytest.mark.parametrize("name", TYPE_TOKENS)
def test_every_component_has_a_page_and_explains_its_outputs(name: str) -> None:
    component: type[Component[Any]] = getattr(components, name)
    assert set(component.outputs()) <= set(documented(component))
    titles = [page.read_text().partition("\n")[0] for page in ROOT.glob("docs/components/*.md")]
    assert any(name in title for title in titles)


def test_every_decision_is_listed_under_its_title() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    for page in sorted((ROOT / "docs/adr").glob("0*.md")):
        number, _, title = page.read_text().partition("\n")[0].removeprefix("# ").partition(". ")
        assert f"| [{number}]({page.name}) | {title}" in index
        assert page.name.startswith(f"{int(number):04}-")


def test_every_verb_has_its_options_on_the_page_of_the_command_line() -> None:
    page = (ROOT / "docs/reference/command-line.md").read_text()
    assert {name for name in VERBS if f"\n### {name}\n" not in page} == set()
    with_options = {name for name, verb in VERBS.items() if len(verb.params) > 1}
    assert {
        name for name in with_options if f"<!-- generated: verb {name} -->" not in page
    } == set()


def test_each_row_of_a_table_has_a_cell_for_each_column():
    """An unescaped | in a cell begins another one, and the page shows half of it."""
    wrong: list[str] = []
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            head, *rows = [len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()]
            wrong += [f"{page.name}: {table.splitlines()[0]}" for row in rows if row != head]
    assert wrong == []
