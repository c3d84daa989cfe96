"""A stack file that Pulumi cannot read, or would read only in part, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.base.problems import Problem, ProblemReport
from graph.stack_files import read_stack_files
from graph.stack_yaml import read_stack_file

DEFAULTS = "the stack would be made of defaults"
IGNORED = "it would have no effect"

BROKEN = {
    "an empty file": ("", "Pulumi.dev.yaml", "write config:"),
    "only comments": ("# nothing yet\n", "Pulumi.dev.yaml", "write config:"),
    "a text": ("config\n", "Pulumi.dev.yaml", "write config:"),
    "a number": ("5\n", "Pulumi.dev.yaml", "write config:"),
    "a list": ("- config:\n", "Pulumi.dev.yaml", "write config:"),
    "no config": ("encryptionsalt: v1:abc\n", "config", "write config:"),
    "an empty config": ("config:\n", "config", "write config:"),
    "a text for config": ("config: dev\n", "config", "write config:"),
    "a list for config": ("config: [dev]\n", "config", "write config:"),
    "config misspelt": ("confg:\n  qudag-mcp:environment: dev\n", "'confg'", "write config"),
    "config in capitals": ("Config:\n  qudag-mcp:environment: dev\n", "'Config'", "write config"),
    "a section next to config": (
        "config:\n  qudag-mcp:environment: dev\nqudag-mcp:domain: mcp.example.com\n",
        "'qudag-mcp:domain'",
        "indent it",
    ),
    "a section without prefix next to config": (
        "config:\n  qudag-mcp:environment: dev\nprotocol: {era: dual}\n",
        "'protocol'",
        "below config:",
    ),
    "an unknown key at the top": (
        "config:\n  qudag-mcp:environment: dev\n1: x\n",
        "'1'",
        "remove it",
    ),
    "an empty section": ("config:\n  qudag-mcp:network:\n", "qudag-mcp:network", "below it"),
    "an empty word": ("config:\n  qudag-mcp:domain: ~\n", "qudag-mcp:domain", "remove the line"),
    "a section's keys not indented": (
        "config:\n  qudag-mcp:protocol:\n  era: dual\n",
        "qudag-mcp:protocol",
        "indented",
    ),
    "a number for a key": ("config:\n  5: x\n", "5", "write qudag-mcp:"),
    "a number for a key in a section": (
        "config:\n  qudag-mcp:scaling: {5: {replicas: 1}}\n",
        "qudag-mcp:scaling",
        "strings as keys",
    ),
    "a section that holds itself": (
        "config:\n  qudag-mcp:scaling: &a\n    mcp-server: *a\n",
        "qudag-mcp:scaling",
        "write the values without anchors",
    ),
    "aliases of aliases": (
        "config:\n  a:a: &a [x,x,x,x,x,x,x,x,x,x]\n  a:b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
        "  a:c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
        "  qudag-mcp:network: {clients: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]}\n",
        "qudag-mcp:network",
        "write the values without anchors",
    ),
    "a set": ("config:\n  qudag-mcp:network: !!set {a}\n", "qudag-mcp:network", "write the values"),
    "a tab": ("config:\n\tqudag-mcp:environment: dev\n", "Pulumi.dev.yaml:2", "no tabs"),
    "an open quote": (
        'config:\n  qudag-mcp:domain: "mcp\n',
        "Pulumi.dev.yaml:3",
        "close the quotes",
    ),
    "an open single quote": ("config:\n  qudag-mcp:domain: 'm\n", "Pulumi.dev.yaml:3", "close"),
    "an open bracket": ("config:\n  a:b: [1, 2\n", "Pulumi.dev.yaml:3", "bracket"),
    "an open brace": ("config: {\n", "Pulumi.dev.yaml:2", "bracket"),
    "a colon in a value": ("config:\n  a:b: c: d\n", "Pulumi.dev.yaml:2", "in quotes"),
    "uneven indentation": (
        "config:\n  qudag-mcp:environment: dev\n qudag-mcp:domain: a\n",
        "Pulumi.dev.yaml:3",
        "same indentation",
    ),
    "an unknown alias": ("config: *base\n", "Pulumi.dev.yaml:1", "define it with &"),
    "a tag of a program's type": (
        "config:\n  a:b: !!python/object/apply:os.system ['id']\n",
        "Pulumi.dev.yaml:2",
        "leave tags",
    ),
    "two documents": ("config: {}\n---\nconfig: {}\n", "Pulumi.dev.yaml", "one document"),
    "a percent sign": ("config:\n  a:b: %x\n", "Pulumi.dev.yaml:2", "correct it"),
    "an at sign": ("config:\n  a:b: @x\n", "Pulumi.dev.yaml:2", "correct it"),
    "a control character": ("config:\n  a:b: \x07\n", "Pulumi.dev.yaml", "UTF-8"),
    "a list for a key": ("config:\n  ? [a]\n  : b\n", "Pulumi.dev.yaml:2", "correct it"),
    "nested beyond reason": ("config: " + "[" * 1200, "Pulumi.dev.yaml", "correct it"),
}


def refusals(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    file = folder / "Pulumi.dev.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ProblemReport) as refused:
        read_stack_file(file)
    return refused.value.problems


@pytest.mark.parametrize(("text", "at", "fix"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_where_it_breaks(tmp_path: Path, text: str, at: str, fix: str):
    problem, *others = refusals(tmp_path, text)
    assert at in problem.path
    assert fix in problem.fix
    assert problem.consequence
    assert not others


def test_a_file_that_is_not_text_is_refused(tmp_path: Path):
    (problem,) = refusals(tmp_path, b"config:\n  a:b: \xff\xfe\n")
    assert "UTF-8" in problem.fix


def test_every_key_that_stands_twice_is_named_with_its_line(tmp_path: Path):
    text = (
        "config:\n  qudag-mcp:protocol: {era: dual, era: modern}\n"
        "  qudag-mcp:edge: {}\n  qudag-mcp:protocol: {}\nconfig: {}\n"
    )
    said = [(problem.path, problem.what) for problem in refusals(tmp_path, text)]
    assert sorted(said) == [
        ("Pulumi.dev.yaml:2", "'era' is defined twice"),
        ("Pulumi.dev.yaml:4", "'qudag-mcp:protocol' is defined twice"),
        ("Pulumi.dev.yaml:5", "'config' is defined twice"),
    ]


def test_all_problems_of_a_file_are_reported_at_once(tmp_path: Path):
    text = "config:\n  qudag-mcp:network:\n  qudag-mcp:edge:\nconfi: 1\nprotocol: {}\n"
    assert len(refusals(tmp_path, text)) == 4


def test_a_merged_default_may_be_overridden(tmp_path: Path):
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(
        "config:\n  a:base: &base {min: 1, max: 2}\n"
        "  qudag-mcp:scaling: {mcp-core: {<<: *base, max: 5}}\n"
    )
    assert read_stack_file(file)["qudag-mcp:scaling"] == {"mcp-core": {"min": 1, "max": 5}}


@pytest.mark.parametrize("word", ["yes", "on", "off", "1:30", "2026-07-28", "0777", "1_000", "Y"])
def test_words_that_only_older_yaml_converts_stay_text(tmp_path: Path, word: str):
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(f"config:\n  a:b: {word}\n")
    assert read_stack_file(file) == {"a:b": word}


def test_the_program_is_not_started_with_a_broken_file(tmp_path: Path):
    (tmp_path / "__main__.py").write_text("raise AssertionError")
    (tmp_path / "Pulumi.yaml").write_text("name: qudag-mcp\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("confg: {}\n")
    with pytest.raises(ProblemReport, match="write config"):
        read_stack_files(tmp_path, "dev")


@pytest.mark.parametrize("text", ["name: [", "name: a\nname: b\n", "\tname: a\n"])
def test_a_broken_project_file_is_refused_as_a_stacks_is(tmp_path: Path, text: str):
    (tmp_path / "__main__.py").write_text("raise AssertionError")
    (tmp_path / "Pulumi.yaml").write_text(text)
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    with pytest.raises(ProblemReport) as refused:
        read_stack_files(tmp_path, "dev")
    assert refused.value.problems[0].path.startswith("Pulumi.yaml:")
