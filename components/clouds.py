"""The clouds, one row each. What is known of a cloud stands in ``facts.py`` of its folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Final

from .base.naming import NameRule


@dataclass(frozen=True)
class Cloud:
    """One cloud.

    Attributes:
        key: its section in the stack file, and its folder below ``components``.
        title: its name in messages.
        package: Pulumi's package of it: the first part of each type token.
    """

    key: str
    title: str
    package: str

    @cached_property
    def facts(self) -> Any:
        """The module ``facts`` of its folder."""
        return import_module(f".{self.key}.facts", __package__)


CLOUDS: Final = (
    Cloud("aws", "AWS", "aws"),
    Cloud("gcp", "Google Cloud", "gcp"),
    Cloud("azure", "Azure", "azure-native"),
)


def cloud_of(token: str) -> Cloud | None:
    """The cloud whose package a type token is of; None for another package."""
    package = token.partition(":")[0]
    return next((cloud for cloud in CLOUDS if cloud.package == package), None)


def name_rule(token: str) -> NameRule | None:
    """What the cloud lets names of a type be; None where nothing is known of it."""
    cloud = cloud_of(token)
    return cloud.facts.NAME_RULES.get(token) if cloud else None
