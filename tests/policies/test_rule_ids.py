"""Every rule has an id of its own that is never reused, a severity, a reference and a fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from policies import every_rule
from policies.rule import Rule
from policies.rules import RULES
from tools.docs import ROOT

FORM = re.compile(r"(aws|gcp|azure|k8s|any)-[a-z0-9]+-[0-9]{3}")
LISTED = (Path(__file__).parent / "rule_ids.txt").read_text().splitlines()
CLOUD_OF_MODULE = {"kubernetes": "k8s"}


def stated() -> Iterator[tuple[str, Rule]]:
    """The rule of each row and check, with the module that it is in."""
    for module, rules in RULES.items():
        for rule in rules.rules():
            yield module, rule


def test_an_id_has_the_form_that_waivers_and_links_rely_on():
    assert [rule.id for _, rule in stated() if not FORM.fullmatch(rule.id)] == []


def test_an_id_begins_with_the_cloud_that_its_rule_is_for():
    odd = [
        rule.id
        for module, rule in stated()
        if rule.id.partition("-")[0] != CLOUD_OF_MODULE.get(module, module)
    ]
    assert odd == []


def test_rows_that_share_an_id_are_one_rule():
    """They agree in severity, reference and whether it is a house rule, and are one kind of row."""
    kinds: dict[str, set[tuple[object, ...]]] = {}
    for rules in RULES.values():
        rows = (*rules.required, *rules.companions, *rules.references, *rules.hosts)
        for row in rows:
            said = (type(row), row.severity, row.reference, row.house)
            kinds.setdefault(row.id, set()).add(said)
        for check in rules.checks:
            for rule in check.rules:
                kinds.setdefault(rule.id, set()).add((rule.refuses,))
    assert {id: said for id, said in kinds.items() if len(said) > 1} == {}


def test_every_rule_says_what_it_refuses_where_that_is_written_and_what_to_do():
    for _, rule in stated():
        assert rule.reference.strip(), rule.id
        assert rule.refuses.strip(), rule.id
        assert rule.fix.strip(), rule.id


def test_the_list_of_ids_has_each_rule_and_none_that_is_gone():
    """A rule that is removed stays in the list as ``<id> withdrawn``: its id is not taken again."""
    ids = [line.partition(" ")[0] for line in LISTED]
    assert ids == sorted(set(ids))
    withdrawn = {line.partition(" ")[0] for line in LISTED if line.endswith(" withdrawn")}
    assert {*ids} - withdrawn == every_rule().keys()


def test_the_page_of_rules_has_a_heading_for_each():
    page = (ROOT / "docs/policies.md").read_text()
    assert re.findall(r"^### (.*)$", page, re.MULTILINE) == [*every_rule()]
