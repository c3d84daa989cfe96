"""The refusals that docs/reference/configuration.md shows are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.base.problems import ProblemReport
from graph.stack_yaml import read_stack_file
from stacks.config.line_numbers import located
from stacks.config.validation import validate
from tests.invalid.cases import PREFIX, ROOT

SAMPLE = {
    "longestToolSeconds: 60": "longestToolSeconds: 60s",
    "loadBalancer: true": "loadBalancr: true",
    "10.0.0.0/8": "0.0.0.0/0",
}


def refused(file: Path) -> ProblemReport:
    """What the program says of ``file``, with its lines."""
    given = {key.removeprefix(PREFIX): value for key, value in read_stack_file(file).items()}
    with pytest.raises(ProblemReport) as refusal:
        validate(given)
    return ProblemReport(located(refusal.value.problems, file, given))


def test_the_sample_of_a_refusal_is_what_the_program_says(tmp_path: Path):
    text = (ROOT / "Pulumi.dev.yaml").read_text()
    for sound, broken in SAMPLE.items():
        text = text.replace(sound, broken)
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(text)
    page = (ROOT / "docs/reference/configuration.md").read_text()
    (shown,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    assert shown.strip() == str(refused(file))


def test_a_line_is_that_of_the_value_in_the_file(tmp_path: Path):
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(
        "config:\n  qudag-mcp:network:\n    public: false\n    clients:\n      - 10.0.0.0/8\n"
        "      - nonsense\n  qudag-mcp:scaling:\n    mcp-server: {replicas: 0}\n"
    )
    assert {problem.path for problem in refused(file).problems} == {
        "qudag-mcp:network.clients[1] (Pulumi.dev.yaml, line 6)",
        "qudag-mcp:scaling.mcp-server.replicas (Pulumi.dev.yaml, line 8)",
    }


def test_a_missing_field_is_reported_with_the_file_without_a_line(tmp_path: Path):
    file = tmp_path / "Pulumi.x.yaml"
    file.write_text("config:\n  qudag-mcp:environment: prod\n")
    paths = [problem.path for problem in refused(file).problems]
    assert "qudag-mcp:domain (Pulumi.x.yaml)" in paths


def test_a_configuration_that_is_not_the_files_gets_no_lines(tmp_path: Path):
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config:\n  qudag-mcp:environment: dev\n")
    with pytest.raises(ProblemReport) as refusal:
        validate({"environment": "dve"})
    problems = refusal.value.problems
    assert located(problems, file, {"environment": "dve"}) == problems
