"""A type without a rule is listed; `--strict` refuses it, and `acceptedTypes` accepts it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from components.base.kubernetes_object import API_VERSIONS
from components.base.problems import ProblemReport
from policies import findings
from policies.checked_program import refuse_broken
from policies.type_names import type_name
from policies.unchecked import UNCHECKED, is_known
from policies.waivers import FILE
from review.report import json, markdown, terminal
from review.risk import broken_rules
from review.risks.classes import RiskClass
from tests.harness.graphs import cloud, graph
from tests.review.test_reports import on_terminal

TYPE = "acme:store/vault:Vault"
GOLDEN = Path(__file__).parents[1] / "programs/golden"


def two() -> tuple[str, ...]:
    found = findings(graph(cloud(TYPE, "a"), cloud(TYPE, "b")))
    return tuple(one.rule for one in found)


def test_a_type_is_listed_once_however_many_resources_have_it():
    assert two() == (UNCHECKED.id,)


def test_an_unchecked_type_refuses_nothing_and_every_report_lists_it(tmp_path: Path):
    made = graph(cloud(TYPE, "a"))
    found = refuse_broken(made, tmp_path)
    for report in (
        on_terminal(terminal.inventory(made, found)),
        markdown.inventory(made, found),
        json.inventory(made, found),
    ):
        assert "is checked by no rule of its own" in report
        assert TYPE in report


def test_strict_refuses_an_unchecked_type(tmp_path: Path):
    with pytest.raises(ProblemReport, match=f"{TYPE}: .*any-type-001"):
        refuse_broken(graph(cloud(TYPE, "a")), tmp_path, strict=True)


def test_reports_name_broken_rules_before_types_without_rules_and_those_before_waived_ones(
    tmp_path: Path,
):
    acl = "aws:s3/bucketAcl:BucketAcl"
    entry = {"rule": "aws-s3-004", "resource": f"{acl}::open", "reason": "it is a website"}
    (tmp_path / FILE).write_text(yaml.safe_dump({"waivers": [entry]}))
    made = graph(
        cloud(acl, "open", bucket="b", acl="public-read"),
        cloud("aws:cloudwatch/logGroup:LogGroup", "logs"),
        cloud(TYPE, "a"),
    )
    classes = [risk.risk for risk in broken_rules(refuse_broken(made, tmp_path))]
    assert classes == [RiskClass.POLICY, RiskClass.UNCHECKED, RiskClass.WAIVED]


def accepted(folder: Path, type: str, **more: str) -> Path:
    entry = {"type": type, "reason": "it was looked at", **more}
    (folder / FILE).write_text(yaml.safe_dump({"acceptedTypes": [entry]}))
    return folder


def test_an_accepted_type_is_shown_with_its_reason(tmp_path: Path):
    made = graph(cloud(TYPE, "a"))
    (found,) = refuse_broken(made, accepted(tmp_path, TYPE), strict=True)
    assert found.waiver == "it was looked at"


def test_a_type_is_accepted_in_any_of_its_spellings(tmp_path: Path):
    made = graph(cloud("azure-native:maps/v20240701:Account", "a", kind="Gen2"))
    for spelling in ("azure-native:maps:Account", "azure-native:maps/v20230601:Account"):
        found = refuse_broken(made, accepted(tmp_path, spelling))
        assert {one.waiver for one in found if one.rule == UNCHECKED.id} == {"it was looked at"}


@pytest.mark.parametrize("type", ["acme:store/vault:Vualt", "aws:s3/bucket:Bucket"])
def test_an_entry_that_accepts_nothing_is_refused(tmp_path: Path, type: str):
    with pytest.raises(ProblemReport, match=r"acceptedTypes\[0\]"):
        refuse_broken(graph(cloud(TYPE, "a")), accepted(tmp_path, type))


def test_an_entry_for_another_stack_accepts_nothing_and_is_no_fault(tmp_path: Path):
    (found,) = refuse_broken(graph(cloud(TYPE, "a")), accepted(tmp_path, TYPE, stack="prod"))
    assert found.waiver is None


def test_every_type_of_our_own_stacks_has_a_rule_or_a_reason_why_not():
    urns = [line for page in GOLDEN.rglob("*.txt") for line in page.read_text().splitlines()]
    types = {re.split(r"[$]", urn.split("::")[2])[-1] for urn in urns if urn.startswith("urn:")}
    ours = {token for token in types if not token.startswith("qudag-mcp:")}
    assert len(ours) > 50
    assert sorted(token for token in ours if not is_known(type_name(token))) == []


def test_every_kind_that_a_component_makes_has_a_rule_or_a_reason_why_not():
    tokens = [f"kubernetes:{version}:{kind}" for kind, version in API_VERSIONS.items()]
    assert [token for token in tokens if not is_known(token)] == []
