"""Every ``qudag-mcp`` and ``make`` command in the documentation exists, with its options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tools.docs import ROOT, pages, verbs

VERBS = verbs()
TARGETS = {
    name: set(re.findall(r"\$\$\{?([A-Z]+)", recipe))
    for name, recipe in re.findall(
        r"^([a-z][a-z0-9-]*):[^\n]*((?:\n\t[^\n]*)*)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
}
"""The variables that each target of the Makefile uses, by target."""
ENVIRONMENT = {
    variable
    for command in VERBS.values()
    for parameter in command.params
    if (variable := parameter.envvar) and isinstance(variable, str)
}
"""The environment variables that options of ``qudag-mcp`` are read from."""


def commands(page: Path) -> list[str]:
    """The commands of ``page``: in shell blocks, and phrases in backquotes that begin with one."""
    text = page.read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    phrases = re.findall(r"`((?:qudag-mcp|make) [^`\n]+)`", prose)
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in _joined("\n".join(blocks)).splitlines()]
    return [
        part
        for line in lines + phrases
        for part in re.findall(r"(?:qudag-mcp|make) [^|;&)]+", line)
    ]


def _joined(script: str) -> str:
    return script.replace("\\\n", " ")


def problems(command: str) -> list[str]:
    """What ``command`` uses that does not exist."""
    words = shlex.split(command.replace("[", " ").replace("]", " "), posix=False)
    program, arguments = words[0], words[1:]
    plain = [word for word in arguments if re.fullmatch(r"[a-z][a-z0-9-]*", word)]
    if program == "make":
        return _problems_of_make(arguments, plain)
    if not plain or arguments[0].startswith("-"):
        return []
    if (verb := VERBS.get(plain[0])) is None:
        return [f"qudag-mcp has no verb {plain[0]}"]
    known = {name for option in verb.params for name in (*option.opts, *option.secondary_opts)}
    used = {word.partition("=")[0] for word in arguments if word.startswith("-")}
    return [
        f"qudag-mcp {plain[0]} has no option {name}" for name in sorted(used - known - {"--help"})
    ]


def _problems_of_make(arguments: list[str], plain: list[str]) -> list[str]:
    if not plain or plain[0] != arguments[0]:
        return []
    if plain[0] not in TARGETS:
        return [f"the Makefile has no target {plain[0]}"]
    given = {match[1] for word in arguments if (match := re.match(r"([A-Z_]+)=", word))}
    unknown = given - TARGETS[plain[0]] - ENVIRONMENT
    return [f"make {plain[0]} does not use {name}" for name in sorted(unknown)]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_documentation_exist(page: Path) -> None:
    assert [problem for command in commands(page) for problem in problems(command)] == []


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("make up STACK=dev", []),
        ("make verify QUDAG_MCP_TOKEN=eyJ", []),
        ("make deploy", ["the Makefile has no target deploy"]),
        ("make up BASE=main", ["make up does not use BASE"]),
        ("qudag-mcp up --json", []),
        ("qudag-mcp launch", ["qudag-mcp has no verb launch"]),
        ("qudag-mcp up --fast", ["qudag-mcp up has no option --fast"]),
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str, said: list[str]) -> None:
    assert problems(command) == said


def test_the_page_of_the_command_line_lists_every_target() -> None:
    page = (ROOT / "docs/reference/command-line.md").read_text()
    listed = set(re.findall(r"`make ([a-z0-9-]+)`", page))
    assert set(TARGETS) - listed - {"help", "clients", "programs", "scanner"} == set()
