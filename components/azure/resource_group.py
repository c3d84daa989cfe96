"""The resource group of a component on Azure, and how the resources in it are named and tagged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pulumi

from ..base.cloud_resource import CloudResource
from ..base.component import Component
from .facts import NAME_RULES
from .location import AzureLocation
from .naming import physical_name
from .tokens import GROUP, TAGGED


@dataclass(frozen=True)
class AzureGroup:
    """The resource group of a component, and what creates resources in it.

    Attributes:
        owner: the component.
        location: subscription and region.
    """

    owner: Component[Any]
    location: AzureLocation

    @cached_property
    def name(self) -> pulumi.Output[str]:
        """The group's name; the first use creates the group."""
        inputs = {"resourceGroupName": self.physical_name(GROUP, "group"), **self._located}
        group = CloudResource(
            GROUP, self.owner.named("group"), inputs, outputs=("name",), opts=self.owner.owned()
        )
        return group.output("name")

    def make(
        self,
        token: str,
        role: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Sequence[str] = (),
        **options: Any,
    ) -> CloudResource:
        """A resource in the group, with its name, location and tags where its type has them."""
        given: dict[str, Any] = {"resourceGroupName": self.name}
        if rule := NAME_RULES.get(token):
            given[rule.key] = self.physical_name(token, role)
        if token in TAGGED:
            given |= self._located
        return CloudResource(
            token,
            self.owner.named(role),
            {**given, **inputs},
            outputs=("name", *outputs),
            opts=self.owner.owned(**options),
        )

    def physical_name(self, token: str, role: str) -> str:
        """The name of the resource that has ``role``."""
        return physical_name(token, self.owner, self.location, role)

    @property
    def _located(self) -> dict[str, Any]:
        return {"location": self.location.region, "tags": dict(self.location.tags)}
