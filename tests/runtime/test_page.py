"""docs/reference/server.md lists every configuration key and tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.config import Config
from runtime.limits_config import LimitsSection
from runtime.mcp_prompts import ROLE_PROMPTS
from runtime.mcp_resources import ROLE_RESOURCES
from runtime.server_config import Role
from runtime.toml_config import Section
from runtime.tools import ROLE_TOOLS

PAGE = (Path(__file__).parents[2] / "docs/reference/server.md").read_text()


def sections(base: type[Section]) -> Iterator[type[Section]]:
    """The classes of sections, also those that derive from one another."""
    for model in base.__subclasses__():
        yield model
        yield from sections(model)


def keys() -> list[str]:
    named = re.compile(r"\w+Section")
    return [
        f"{section}.{key}"
        for section, info in Config.model_fields.items()
        for model in sections(Section)
        if model.__name__ in named.findall(str(info.annotation))
        for key in model.model_fields
    ]


def test_every_section_is_looked_at():
    names = {key.partition(".")[0] for key in keys()}
    tables = {
        name
        for name, info in Config.model_fields.items()
        if re.search(r"\w+Section", str(info.annotation))
    }
    assert names == tables > {"traces", "log_export"}


@pytest.mark.parametrize("key", keys())
def test_a_key_of_server_toml_is_on_the_page(key: str):
    assert f"`{key}`" in PAGE


SHOWN = re.compile(r"`limits\.(\w+)`")
MIB = 1024 * 1024


def stated_limits() -> dict[str, float | None]:
    """The defaults on the page, by key: a row has several keys, and as many numbers."""
    stated: dict[str, float | None] = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 3 and (names := SHOWN.findall(cells[1])):
            numbers = [number.split() for number in cells[2].split(", ")]
            for name, (number, *unit) in zip(names, numbers, strict=True):
                factor = MIB if unit == ["MiB"] else 1
                stated[name] = None if number == "none" else float(number) * factor
    return stated


def test_the_page_states_the_default_of_each_deadline_and_quota():
    assert stated_limits() == LimitsSection().model_dump()


def stated_roles(heading: str) -> dict[str, set[str]]:
    """The roles of each tool, resource or prompt in the page's table with this first column."""
    rows = PAGE.partition(f"\n| {heading} | ")[2].partition("\n\n")[0].splitlines()[2:]
    stated: dict[str, set[str]] = {}
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        roles = cells[2].partition(";")[0]
        excepted = roles.removeprefix("all but ")
        named = set(re.split(", | and ", excepted))
        for name in re.findall(r"`([^`]+)`", cells[0]):
            stated[name] = named if excepted == roles else {*map(str, Role)} - named
    return stated


@pytest.mark.parametrize(
    ("heading", "offered"),
    [("tool", ROLE_TOOLS), ("resource", ROLE_RESOURCES), ("prompt", ROLE_PROMPTS)],
)
def test_the_page_states_the_roles_of_each(heading: str, offered: dict[Role, tuple[str, ...]]):
    names = {name for ours in offered.values() for name in ours}
    assert stated_roles(heading) == {
        name: {str(role) for role, ours in offered.items() if name in ours} for name in names
    }
