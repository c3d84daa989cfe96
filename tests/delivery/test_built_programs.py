"""`up` builds the programs of the local node's images that are not in the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.base.problems import ProblemReport
from delivery import image_recipes
from delivery.image_recipes import BUILT, built_folder
from delivery.images import build_programs
from delivery.progress import Progress

SCRIPT = """#!/bin/sh
[ "$1" = --folder ] && { echo "$0.programs"; exit 0; }
echo built >> "$0.log"
[ -e "$0.broken" ] || mkdir -p "$0.programs"
"""
COLLECTOR = "docker.io/otel/opentelemetry-collector-contrib:0.161.0"
JAEGER = "docker.io/jaegertracing/jaeger:2.13.0"
ALERTMANAGER = "docker.io/prom/alertmanager:v0.30.0"
BLACKBOX = "docker.io/prom/blackbox-exporter:v0.28.0"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scripts in place of the builds of tools/, which take minutes."""
    monkeypatch.setattr(image_recipes, "TOOLS", tmp_path)
    for one in BUILT.values():
        script = tmp_path / one.tool / "build"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(SCRIPT)
        script.chmod(0o755)
    return tmp_path


def pod(*images: str) -> dict[str, Any]:
    return {"kind": "Pod", "spec": {"containers": [{"image": one} for one in images]}}


def built(tools: Path) -> list[str]:
    return sorted(str(log.parent.relative_to(tools)) for log in tools.rglob("build.log"))


def quiet() -> Progress:
    return Progress(Console(quiet=True))


def test_what_is_absent_is_built_once(tools: Path):
    pods = [pod(COLLECTOR, JAEGER), pod(COLLECTOR, ALERTMANAGER, BLACKBOX, "docker.io/nginx:1")]
    build_programs("node", pods, quiet())
    assert built(tools) == ["alertmanager", "collector", "trace-store"]
    logs = [log.read_text() for log in tools.rglob("build.log")]
    assert logs == ["built\n"] * 3
    build_programs("node", pods, quiet())
    assert [log.read_text() for log in tools.rglob("build.log")] == logs


@pytest.mark.parametrize("kind", ["kind", "context"])
def test_clusters_that_pull_images_need_no_builds(tools: Path, kind: str):
    build_programs(kind, [pod(COLLECTOR)], quiet())
    assert built(tools) == []


def test_a_build_that_fails_is_refused_with_its_command(tools: Path):
    (tools / "trace-store/build.broken").touch()
    build_programs("node", [pod(JAEGER)], quiet())
    with pytest.raises(ProblemReport, match="tools/trace-store/build, which needs Go"):
        built_folder(JAEGER, BUILT["jaeger"])
