"""Rules for the host names of a platform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.base.problems import Problem

from ..config.stack import StackConfig
from .rule import Rule, at, path_of


def additional_domains_are_served(config: StackConfig) -> Iterator[Problem]:
    """``additionalDomains`` needs ``domain`` and the generated configuration of nginx."""
    if not config.additional_domains:
        return
    if not config.kubernetes.enabled:
        yield at(
            "additionalDomains",
            "is set, and kubernetes.enabled is false",
            "it would have no effect: there is no gateway",
            "leave it out, and set the domain of each cloud target",
        )
        return
    if config.domain is None:
        yield at(
            "additionalDomains",
            "is set, and domain is missing",
            "the servers would not know their URL at any other host name",
            "set domain to the first of the names",
        )
    if config.images.gateway_engine != "nginx":
        yield at(
            "additionalDomains",
            f"is set, and images.gatewayEngine is {config.images.gateway_engine}",
            "only the generated configuration of nginx has several host names",
            "leave one of the two out",
        )
    for index, name in enumerate(config.additional_domains):
        if name in (config.domain, *config.additional_domains[:index]):
            yield at(
                path_of("additionalDomains", index),
                f"is {name}, which is there already",
                "the gateway would have one name twice",
                "leave it out",
            )


DOMAIN_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (
        ("additionalDomains", "domain", "images.gatewayEngine", "kubernetes.enabled"),
        additional_domains_are_served,
    ),
]
"""Each rule with what it reads."""
