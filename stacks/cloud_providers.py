"""The explicit provider of each cloud in use, with the tags of all its resources."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pulumi

from .config.stack import StackConfig
from .targets import TARGETS

TAG_PROJECT = "qudag-mcp"


def tags_of(config: StackConfig) -> dict[str, str]:
    """The tags of every resource; valid as tags of AWS and Azure and as labels of Google Cloud."""
    return {
        "project": TAG_PROJECT,
        "environment": config.environment,
        # Google Cloud's labels have no capitals and no dots.
        "stack": re.sub(r"[^a-z0-9_-]", "-", pulumi.get_stack().lower())[:63],
        "managed-by": "pulumi",
        **config.clouds.tags,
    }


class CloudProviders:
    """Providers, each registered when something is first deployed to its cloud.

    A cloud that nothing is deployed to needs no credentials and no plugin.
    """

    def __init__(self, config: StackConfig, tags: Mapping[str, str]) -> None:
        self._clouds = config.clouds
        self._tags = tags
        self._registered: dict[str, pulumi.ProviderResource] = {}

    def cloud(self, key: str) -> pulumi.ProviderResource:
        """The provider of a cloud, as its section ``clouds.<key>`` says."""
        if key not in self._registered:
            location = self._clouds.of(key)
            assert location is not None  # every_cloud_has_a_location
            self._registered[key] = TARGETS[key].provider(location, self._tags)
        return self._registered[key]

    def package(self, package: str) -> pulumi.ProviderResource:
        """The provider of a package that needs no settings."""
        if package not in self._registered:
            self._registered[package] = pulumi.ProviderResource(package, package, {})
        return self._registered[package]
