"""The clouds, one row each. What is known of a cloud is in ``facts.py`` of its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Final, cast

from .base.cloud_facts import Billed, CloudFacts, ResourceType
from .base.naming import NameRule


@dataclass(frozen=True)
class Cloud:
    """One cloud.

    Attributes:
        key: its section in the stack file, its folder below ``components``, and its module in
            ``policies.rules`` and in ``stacks.targets``.
        title: its name in messages.
        package: Pulumi's package of it: the first part of each type token.
    """

    key: str
    title: str
    package: str

    @cached_property
    def facts(self) -> CloudFacts:
        """The module ``facts`` of its folder."""
        return cast("CloudFacts", import_module(f".{self.key}.facts", __package__))


CLOUDS: Final = (
    Cloud("aws", "AWS", "aws"),
    Cloud("gcp", "Google Cloud", "gcp"),
    Cloud("azure", "Azure", "azure-native"),
)


def cloud_of(token: str) -> Cloud | None:
    """The cloud whose package a type token belongs to; None for another package."""
    package = token.partition(":")[0]
    return next((cloud for cloud in CLOUDS if cloud.package == package), None)


def name_rule(token: str) -> NameRule | None:
    """The names that the cloud accepts for a type; None where nothing is known of it."""
    cloud = cloud_of(token)
    return cloud.facts.NAME_RULES.get(token) if cloud else None


def resource_type(token: str) -> ResourceType | None:
    """The facts about a type of a cloud, or of another package that the cloud's components use.

    Every version of an API and every former name of a type has the same row.
    """
    named = one_name(token)
    owner = cloud_of(named)
    for cloud in [owner] if owner else CLOUDS:
        if row := cloud.facts.RESOURCE_TYPES.get(named):
            return row
    return None


def billed_type(token: str) -> Billed | None:
    """How a type is billed; None if no cloud has a row for it."""
    cloud = cloud_of(token)
    return cloud.facts.BILLED_TYPES.get(one_name(token)) if cloud else None


_FORMER: Final = (
    (re.compile(r"^aws:(?:alb|elasticloadbalancingv2|applicationloadbalancing)/"), "aws:lb/"),
    (re.compile(r"^(aws:s3/bucket\w*?)V2:(\w+?)V2$"), r"\1:\2"),
)
"""Pairs of a former name of types and the present one."""


def one_name(token: str) -> str:
    """The type token without a version of an API and without a former name."""
    for former, name in _FORMER:
        token = former.sub(name, token)
    return _VERSION.sub("", token)


_VERSION: Final = re.compile(r"/v[0-9]{8}(preview)?(?=:)")
"""The version of an API in a type token, such as ``azure-native:keyvault/v20240401:Secret``."""


def secret_inputs(token: str) -> tuple[str, ...]:
    """Paths of the properties of a type that hold a secret, whatever their name."""
    cloud = cloud_of(token)
    return cloud.facts.SECRET_INPUTS.get(_VERSION.sub("", token), ()) if cloud else ()
