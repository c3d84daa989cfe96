"""What must hold between the platform's own Grafana and the rest of a stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem
from components.base.versions import VERSIONS

from ..config.stack import StackConfig
from ..monitoring import has_own_grafana
from .rule import Rule, at

_SECTION: Final = "observability.standalone.grafana"


def grafana_image_is_named(config: StackConfig) -> Iterator[Problem]:
    """Its image is set only if it runs, is one with data sources, and is named outside dev."""
    image = config.images.grafana
    if not has_own_grafana(config):
        if image is not None:
            yield at(
                "images.grafana",
                f"is set, and {_SECTION} is not",
                "it would have no effect",
                f"set observability.kind to standalone and {_SECTION}: {{}}, or remove it",
            )
        return
    if image is not None and "-slim" in image.rpartition("/")[2]:
        yield at(
            "images.grafana",
            "is a slim variant",
            "it has no data source for Prometheus, and no network policy lets it download one: "
            "the dashboards would be empty",
            "name the same version without -slim",
        )
    if config.environment != "dev" and image is None:
        yield at(
            "images.grafana",
            f"is missing, and {_SECTION} is set",
            "a tag can be moved: an image that was never tested could run",
            f"name it with its digest: {VERSIONS['images']['grafana']}@sha256:…",
        )


OWN_GRAFANA_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("observability", "images", "environment"), grafana_image_is_named),
]
"""Each rule with what it reads."""
