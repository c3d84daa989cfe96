"""The stack of examples/servers: its URNs, and the preview of an added server."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from delivery.image_recipes import image_arguments, repository
from review.diff import diff
from review.preview import Comparison
from review.report import terminal
from review.risk import risks
from tests.harness.user_servers import (
    EXAMPLE,
    EXAMPLE_IN_CLOUDS,
    EXAMPLE_OF_ALL,
    example,
    example_sections,
    recorded,
)

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("ACCEPT_URNS"):
        file.write_text(text)
    assert text.splitlines() == file.read_text().splitlines()


def test_urns_of_the_example_equal_the_golden_file():
    golden("servers.txt", "".join(f"{resource.urn}\n" for resource in example().resources))


def test_urns_of_the_example_with_all_kinds_of_servers_equal_the_golden_file():
    graph = recorded(example_sections(EXAMPLE_OF_ALL), stack="servers-all")
    golden("servers-all.txt", "".join(f"{resource.urn}\n" for resource in graph.resources))


def test_the_example_in_clouds_runs_one_image_in_three_without_a_cluster():
    graph = recorded(example_sections(EXAMPLE_IN_CLOUDS), stack="servers-clouds")
    golden("servers-clouds.txt", "".join(f"{resource.urn}\n" for resource in graph.resources))
    assert not [each for each in graph.resources if each.type.startswith("kubernetes:")]
    for target, image in {
        "aws:ecs/taskDefinition:TaskDefinition": "ghcr.io/acme/weather-mcp:2.3.1",
        "gcp:cloudrunv2/service:Service": "/mirror/weather-mcp:2.3.1",
        "azure-native:app:ContainerApp": "ghcr.io/acme/weather-mcp:2.3.1",
    }.items():
        (made,) = graph.all(target)
        text = json.dumps(made.inputs)
        assert image in text
        assert "qudag-mcp-server" in text, "the reference server checks the tokens in each"


def test_the_example_with_all_kinds_has_a_server_of_each_kind():
    servers = example_sections(EXAMPLE_OF_ALL)["servers"]
    kinds = {
        (server.get("transport", "streamable-http"), server.get("era", "dual"), repository(image))
        for server in servers.values()
        for image in [server["image"]]
    }
    assert kinds == {
        ("streamable-http", "legacy", "server-everything"),  # with sessions
        ("streamable-http", "dual", "qudag-mcp-server"),
        ("stdio", "dual", "server-filesystem"),  # Node.js
        ("stdio", "dual", "mcp-server-time"),  # Python
    }
    assert servers["files"]["storage"]["path"] == servers["files"]["command"][-1]


@pytest.mark.parametrize("file", [EXAMPLE, EXAMPLE_OF_ALL], ids=lambda file: file.name)
def test_the_local_node_can_make_every_image_of_an_example(file: Path, tmp_path: Path):
    for name, server in example_sections(file)["servers"].items():
        arguments, made_of = image_arguments(server["image"], tmp_path / name)
        assert arguments
        assert made_of.startswith("assembled from ")


def test_the_preview_of_an_added_server_shows_what_comes_with_it():
    sections = example_sections()
    first = next(iter(sections["servers"]))
    fewer = sections | {"servers": {first: sections["servers"][first]}}
    changes = diff(recorded(fewer, stack="servers"), example())
    found = Comparison(base="main", commit="0" * 40, diff=changes, risks=risks(changes))
    written = io.StringIO()
    Console(file=written, width=10_000, highlight=False).print(terminal.comparison(found))
    # Without the properties of each resource, which tests of their components hold.
    golden("added-server.txt", re.sub(r"^ {5}.*\n", "", written.getvalue(), flags=re.MULTILINE))


def test_the_example_has_two_servers_in_twelve_lines():
    lines = EXAMPLE.read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) <= 12
    assert len(cast("dict[str, Any]", example_sections()["servers"])) == 2
