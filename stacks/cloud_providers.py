"""The one explicit provider for each cloud that is switched on, with the tags of all it makes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cached_property

import pulumi

from .config.stack import StackConfig

TAG_PROJECT = "qudag-mcp"


def tags_of(config: StackConfig) -> dict[str, str]:
    """What every resource of a cloud carries; valid as tags of AWS and Azure, labels of Google."""
    return {
        "project": TAG_PROJECT,
        "environment": config.environment,
        # Google Cloud's labels have no capitals and no dots.
        "stack": re.sub(r"[^a-z0-9_-]", "-", pulumi.get_stack().lower())[:63],
        "managed-by": "pulumi",
        **config.clouds.tags,
    }


class CloudProviders:
    """Providers, each made when something first goes to its cloud, and not before.

    A cloud that nothing goes to needs no credentials and no plugin.
    """

    def __init__(self, config: StackConfig) -> None:
        self.clouds = config.clouds
        self.tags = tags_of(config)

    def of(self, names: Iterable[str]) -> list[pulumi.ProviderResource]:
        """The providers of these names, made if they are not there."""
        return [getattr(self, name) for name in names]

    @cached_property
    def aws(self) -> pulumi.ProviderResource:
        """The account of the configuration; credentials for another one are refused."""
        place = self.clouds.aws
        assert place is not None
        return pulumi.ProviderResource(
            "aws",
            "aws",
            {
                "region": place.region,
                # A provider's own lists and objects travel as JSON.
                "allowedAccountIds": json.dumps([place.account]),
                "defaultTags": json.dumps({"tags": self.tags}),
            },
        )

    @cached_property
    def gcp(self) -> pulumi.ProviderResource:
        """The project and region of the configuration."""
        place = self.clouds.gcp
        assert place is not None
        return pulumi.ProviderResource(
            "gcp",
            "gcp",
            {
                "project": place.project,
                "region": place.region,
                "defaultLabels": json.dumps(self.tags),
            },
        )

    @cached_property
    def command(self) -> pulumi.ProviderResource:
        """This machine, for what Azure takes only from its own command."""
        return pulumi.ProviderResource("command", "command", {})

    @cached_property
    def azure(self) -> pulumi.ProviderResource:
        """The subscription of the configuration; it has no default tags, components apply them."""
        place = self.clouds.azure
        assert place is not None
        return pulumi.ProviderResource(
            "azure-native",
            "azure",
            {
                "subscriptionId": place.subscription,
                "tenantId": place.tenant,
                "location": place.location,
            },
        )
