"""tools/collector compiles the versions that it pins, of the image that stacks run."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from components.base.versions import VERSIONS

COLLECTOR = Path(__file__).parents[2] / "tools/collector"


def test_every_part_of_the_manifest_has_the_version_of_go_mod() -> None:
    manifest = yaml.safe_load((COLLECTOR / "manifest.yaml").read_text())
    kinds = ("receivers", "processors", "connectors", "exporters", "extensions")
    parts = {one["gomod"] for kind in kinds for one in manifest[kind]}
    pinned = set(re.findall(r"^\t(\S+ v\S+)$", (COLLECTOR / "go.mod").read_text(), re.MULTILINE))
    assert len(parts) > 15
    assert parts - pinned == set()


def test_the_collector_of_the_tests_has_the_version_of_the_image() -> None:
    manifest = yaml.safe_load((COLLECTOR / "manifest.yaml").read_text())
    assert VERSIONS["images"]["collector"].endswith(f":{manifest['dist']['version']}")
