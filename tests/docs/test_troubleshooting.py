"""The page on symptoms quotes what programs really print, and is where diagnose sends people."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import mcp.server.streamable_http
import pytest

from components.base.problems import Problem
from delivery.diagnosis.cause import SECTIONS, Cause, Rank
from delivery.diagnosis.evidence import Evidence
from delivery.diagnosis.log_causes import LOG_PATTERNS
from delivery.diagnosis.run import shown, to_json
from tests.docs.test_runbooks import unknown_options
from tools.docs import ROOT

PAGE: Final = (ROOT / "docs/troubleshooting.md").read_text()
FOLDERS: Final = ("runtime", "delivery", "components", "stacks")
SDK: Final = Path(mcp.server.streamable_http.__file__)
"""Legacy sessions in memory are those of the SDK."""
STATUSES: Final = {
    "400",
    "401",
    "403",
    "404",
    "405",
    "409",
    "413",
    "421",
    "429",
    "502",
    "503",
    "504",
}


@cache
def printed() -> str:
    """The sources, with strings of several lines put together and … where a value is put in."""
    files = [SDK, *(path for one in FOLDERS for path in ROOT.glob(f"{one}/**/*.py"))]
    source = re.sub(r'"\s*\n\s*f?"', "", "\n".join(path.read_text() for path in files))
    templates = ROOT.glob("components/kubernetes/templates/**/*.j2")
    rendered = re.sub(r"\" ~ \w+ ~ \"", "…", "\n".join(path.read_text() for path in templates))
    return re.sub(r"\{[^{}\n]*\}", "…", source) + re.sub(r"\{\{ [\w.]+ \}\}", "…", rendered)


def rows() -> list[tuple[str, str, str]]:
    """Status, text and program of the table of status codes."""
    table = PAGE.partition("## Status codes")[2].partition("\n## ")[0]
    return re.findall(r"^\| (\d{3}) \| (.*?) \| (.*?) \| ", table, re.MULTILINE)


def quoted() -> list[str]:
    """The texts that the page says are printed."""
    blocks = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    return lines + [text.strip("`") for _, text, _ in rows() if text.startswith("`")]


def unprinted(line: str) -> list[str]:
    """The parts of a quoted text, between its values, that no program has."""
    parts = [part.strip() for part in line.split("…")]
    return [part for part in parts if len(part) > 3 and part not in printed()]


def test_every_quoted_text_is_one_that_a_program_prints():
    assert len(quoted()) > 35
    assert {line: missing for line in quoted() if (missing := unprinted(line))} == {}


@pytest.mark.parametrize("line", ["the token has expired (claim iat)", "no node wants it: …"])
def test_a_text_that_no_program_prints_is_found(line: str):
    assert unprinted(line)


def test_the_statuses_of_refusals_are_explained():
    assert {status for status, _, _ in rows()} == STATUSES
    assert {who for _, _, who in rows()} == {
        "server",
        "gateway",
        "server or gateway",
        "a user's server",
    }


def test_what_the_gateway_refuses_has_the_status_of_the_table():
    """In its configuration the text stands in the answer with this status."""
    templates = ROOT / "components/kubernetes/templates/nginx"
    source = "\n".join(path.read_text() for path in sorted(templates.glob("*.j2")))
    answers = re.findall(r"refusal\((\d+), (\".*?\")\) \}\}", source)
    known = {re.sub(r"\" ~ \w+ ~ \"", "…", text).strip('"'): status for status, text in answers}
    stated = {
        text.strip("`"): status
        for status, text, who in rows()
        if who == "gateway" and text.startswith("`")
    }
    assert stated == known


def test_options_that_the_page_names_exist():
    in_texts = "protocol.allowed_hosts"  # of the server's own file, in a text that it answers
    assert unknown_options(PAGE.replace(in_texts, "")) == []


def anchors() -> set[str]:
    return {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    }


def test_the_table_of_symptoms_leads_to_every_section():
    table = PAGE.partition("| you see | section |")[2].partition("\n## ")[0]
    assert set(re.findall(r"\(#([a-z-]+)\)", table)) == anchors()


def test_diagnose_leads_to_sections_that_exist():
    named = {*SECTIONS.values(), *(section for *_, section in LOG_PATTERNS)}
    source = (ROOT / "delivery/diagnosis/pod_causes.py").read_text()
    named |= set(re.findall(r"^            \"([a-z-]+)\",$", source, re.MULTILINE))
    assert "memory-grows" in named
    assert named <= anchors()


def cause(rank: Rank, **of: Any) -> Cause:
    return Cause(rank, Problem("Pod/a/b", "it is wrong", "nothing runs", "do it"), **of)


def test_a_cause_is_shown_with_its_section():
    evidence = Evidence(namespaces=["a"])
    lines = list(shown(evidence, [cause(Rank.IMAGE), cause(Rank.ABSENT)]))
    assert lines[2] == "    see: docs/troubleshooting.md#pods-do-not-start"
    assert len([line for line in lines if "see:" in line]) == 1
    assert to_json(cause(Rank.ENDED, section="memory-grows"))["page"] == (
        "docs/troubleshooting.md#memory-grows"
    )
    assert to_json(cause(Rank.WARNING))["page"] is None
