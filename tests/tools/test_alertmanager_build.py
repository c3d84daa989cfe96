"""tools/alertmanager compiles the version of the image that stacks run."""

from __future__ import annotations

from pathlib import Path

from components.base.versions import VERSIONS

GO_MOD = Path(__file__).parents[2] / "tools/alertmanager/go.mod"


def test_the_alertmanager_of_the_tests_has_the_version_of_the_image() -> None:
    _, _, version = VERSIONS["images"]["alertmanager"].partition(":")
    assert f"github.com/prometheus/alertmanager {version}\n" in GO_MOD.read_text()
