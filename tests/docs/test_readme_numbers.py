"""The numbers of the README are those of the stack file and of what follows from it."""

from __future__ import annotations

import re

import yaml

from graph.manifests import manifests, to_yaml
from tests.harness.containers import ROOT
from tests.harness.stacks import stack

README = (ROOT / "README.md").read_text()


def number(before: str, after: str) -> int:
    """The number that the README states between two texts; a line break may be in them."""
    plain = " ".join(README.split())
    found = re.findall(rf"{re.escape(before)}([0-9,]+){re.escape(after)}", plain)
    assert len(found) == 1, f"{before}…{after}"
    return int(found[0].replace(",", ""))


def test_the_readme_states_how_long_the_stack_file_of_prod_is():
    lines = len((ROOT / "Pulumi.prod.yaml").read_text().splitlines())
    assert abs(number("`Pulumi.prod.yaml` has about ", " lines") - lines) <= 15


def test_the_readme_states_how_many_resources_prod_has():
    graph = stack("prod")
    written = manifests(graph)
    clouds = [r for r in graph.resources if r.custom and is_of_a_cloud(r.type)]
    assert number("writes the ", " Kubernetes objects that follow from it") == len(written)
    assert abs(number("about ", " more resources are in three clouds") - len(clouds)) <= 10
    lines = sum(len(to_yaml(each).splitlines()) for each in written.values())
    assert abs(number("(about ", " lines, most of them dashboards)") - lines) <= 400


def is_of_a_cloud(token: str) -> bool:
    return token.startswith(("aws:", "azure-native:", "gcp:"))


def test_the_first_stack_of_the_readme_is_that_of_the_example():
    shown = re.search(r"```yaml\n(config:\n.*?)```", README, re.DOTALL)
    assert shown
    example = (ROOT / "examples/servers/Pulumi.servers.yaml").read_text()
    assert yaml.safe_load(shown[1]) == yaml.safe_load(example)
