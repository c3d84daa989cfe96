"""``policy-waivers.yaml``: a rule is waived for one resource, with a reason that reports show."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.base.problems import ProblemReport
from graph.resource_graph import ResourceGraph
from policies import findings
from policies.checked_program import refuse_broken
from policies.waivers import FILE, Waiver, Waivers, read_waivers
from review.report import json, markdown, terminal
from tests.harness.graphs import cloud, graph
from tests.policies.corpus import graph_of
from tests.review.test_reports import on_terminal

ACL = "aws:s3/bucketAcl:BucketAcl"
REASON = "the files of a public website"
WAIVER = {"rule": "aws-s3-004", "resource": f"{ACL}::site", "reason": REASON}


def public() -> ResourceGraph:
    return graph(cloud(ACL, "site", bucket="b", acl="public-read"))


def written(folder: Path, *waivers: dict[str, Any], **sections: Any) -> Path:
    (folder / FILE).write_text(yaml.safe_dump({"waivers": [*waivers], **sections}))
    return folder


def faults(folder: Path) -> list[str]:
    with pytest.raises(ProblemReport) as report:
        refuse_broken(public(), folder)
    assert all(one.fix and one.consequence for one in report.value.problems)
    return [one.path.removeprefix(f"{FILE}: ") for one in report.value.problems]


def test_without_the_file_nothing_is_waived(tmp_path: Path):
    assert read_waivers(tmp_path) == Waivers()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", [f"{ACL}::site", f"urn:pulumi:dev::qudag-mcp::{ACL}::site"])
def test_a_waived_rule_refuses_nothing(tmp_path: Path, name: str, strict: bool):
    (found,) = refuse_broken(
        public(), written(tmp_path, {**WAIVER, "resource": name}), strict=strict
    )
    assert found.waiver == REASON


def test_every_form_of_a_report_shows_the_reason(tmp_path: Path):
    found = refuse_broken(public(), written(tmp_path, WAIVER))
    assert REASON in on_terminal(terminal.inventory(public(), found))
    assert REASON in markdown.inventory(public(), found)
    assert f'"waiver": "{REASON}"' in json.inventory(public(), found)


@pytest.mark.parametrize(
    "other",
    [
        {"rule": "aws-s3-003"},
        {"resource": f"{ACL}::other"},
        {"resource": "site"},
        {"resource": f"urn:pulumi:dev::other::{ACL}::site"},
    ],
)
def test_an_entry_that_matches_nothing_is_refused(tmp_path: Path, other: dict[str, str]):
    assert faults(written(tmp_path, WAIVER, {**WAIVER, **other})) == ["waivers[1]"]


@pytest.mark.parametrize(
    "other",
    [{"stack": "prod"}, {"resource": f"urn:pulumi:prod::qudag-mcp::{ACL}::site"}],
)
def test_an_entry_of_another_stack_is_no_fault(tmp_path: Path, other: dict[str, str]):
    assert len(refuse_broken(public(), written(tmp_path, WAIVER, {**WAIVER, **other}))) == 1


def test_an_entry_of_another_stack_waives_nothing(tmp_path: Path):
    assert faults(written(tmp_path, {**WAIVER, "stack": "prod"})) == ["site.acl"]


def test_all_faults_of_the_file_are_named_at_once(tmp_path: Path):
    unreasoned = {key: WAIVER[key] for key in ("rule", "resource")}
    folder = written(
        tmp_path,
        unreasoned,
        {**WAIVER, "reason": "  "},
        {**WAIVER, "resoure": "x", "stack": 1},
        accepted=[],
    )
    assert faults(folder) == [
        "accepted",
        "waivers[0].reason",
        "waivers[1].reason",
        "waivers[2].resoure",
        "waivers[2].stack",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "waivers: 1",
        "waivers: [1]",
        "a: {b: c, b: d}",
        "{",
        "1: 2",
        "waivers: [{rule: true, 5: x, ~: y}]",
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str):
    (tmp_path / FILE).write_text(text)
    assert faults(tmp_path)


def test_a_waiver_names_the_type_as_the_program_does(tmp_path: Path):
    older = "aws:s3/bucketAclV2:BucketAclV2"
    bucket = graph(cloud(older, "site", bucket="b", acl="public-read"))
    folder = written(tmp_path, {**WAIVER, "resource": f"{older}::site"})
    assert [one.waiver for one in refuse_broken(bucket, folder)] == [REASON]


def refusal(folder: Path) -> str:
    with pytest.raises(ProblemReport) as refused:
        read_waivers(folder)
    (problem,) = refused.value.problems
    return problem.what


def test_a_file_that_is_no_regular_file_of_the_program_is_refused(tmp_path: Path):
    """A pipe would be waited for, and a link could lead to a file that nobody reviews."""
    for name in ("pipe", "link", "folder", "broken"):
        (tmp_path / name).mkdir()
    outside = tmp_path / "outside.yaml"
    outside.write_text("waivers: []\n")
    os.mkfifo(tmp_path / "pipe/policy-waivers.yaml")
    (tmp_path / "link/policy-waivers.yaml").symlink_to(outside)
    (tmp_path / "folder/policy-waivers.yaml").mkdir()
    (tmp_path / "broken/policy-waivers.yaml").symlink_to("absent.yaml")
    assert "regular file" in refusal(tmp_path / "pipe")
    assert "outside the folder" in refusal(tmp_path / "link")
    assert "regular file" in refusal(tmp_path / "folder")
    assert "regular file" in refusal(tmp_path / "broken")


@pytest.mark.parametrize("reason", ["", " ", "\u200b", "\u2060\ufeff ", "...", "\u00ad"])
def test_a_reason_without_a_letter_is_none(tmp_path: Path, reason: str):
    entry = {"rule": "aws-s3-001", "resource": "a:b:C::d", "reason": reason}
    (tmp_path / "policy-waivers.yaml").write_text(yaml.safe_dump({"waivers": [entry]}))
    with pytest.raises(ProblemReport) as refused:
        read_waivers(tmp_path)
    assert [one.path for one in refused.value.problems] == [
        "policy-waivers.yaml: waivers[0].reason"
    ]


@pytest.mark.slow
def test_many_entries_are_compared_with_many_findings_in_time_that_grows_with_both():
    """Twenty thousand entries and a thousand findings: 20 million comparisons take minutes."""
    number = 20_000
    waivers = Waivers(
        waivers=tuple(
            Waiver(rule="aws-s3-001", resource=f"a:b:C::unused-{index}", reason="none")
            for index in range(number)
        )
    )
    resources = [
        {"type": "acme:a/b:C", "name": f"it-{index}", "inputs": {"acl": "public-read"}}
        for index in range(1000)
    ]
    started = time.process_time()
    with pytest.raises(ProblemReport) as refused:
        findings(graph_of(*resources), waivers)
    assert len(refused.value.problems) == number
    assert time.process_time() - started < 3
