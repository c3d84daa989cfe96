"""Rules between the monitoring of Azure and the servers that it monitors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.azure.facts import AZURE_ACTION_GROUPS
from components.base.problems import Problem

from ..config.problem import at
from .azure_sections import Azure, AzureContainer, AzureFunction
from .target import CloudRule, CloudSections, Shared

AzureSections = CloudSections[Azure, AzureFunction, AzureContainer]
_SILENT: Final = ("warning", "error")
"""Log levels at which a server does not log its requests."""


def monitoring_has_a_receiver(sections: AzureSections, _shared: Shared) -> Iterator[Problem]:
    """With monitoring there is an address or an action group."""
    section = sections.location.monitoring if sections.location else None
    if section and not section.emails and not section.action_groups:
        yield at(
            "clouds.azure.monitoring.emails",
            "is empty, and so is actionGroups",
            "alerts would notify nobody",
            "write an address, or list action groups",
        )


def action_groups_fit_into_a_rule(sections: AzureSections, _shared: Shared) -> Iterator[Problem]:
    """An alert rule takes five action groups; ``emails`` are one of them."""
    section = sections.location.monitoring if sections.location else None
    if section is None:
        return
    room = AZURE_ACTION_GROUPS - bool(section.emails)
    if len(section.action_groups) > room:
        own = ", and there is one for emails" if section.emails else ""
        yield at(
            "clouds.azure.monitoring.actionGroups",
            f"has {len(section.action_groups)}{own}",
            f"Azure refuses the alert rules: a rule has {AZURE_ACTION_GROUPS} at most",
            f"leave {room}; one action group can have several receivers",
        )


def requests_are_logged(sections: AzureSections, shared: Shared) -> Iterator[Problem]:
    """The alerts on a container app count the requests in its log."""
    location, section = sections.location, sections.containers
    if location is None or location.monitoring is None or section is None:
        return
    if (section.enabled or section.servers) and shared.log_level in _SILENT:
        yield at(
            "observability.logLevel",
            f"is {shared.log_level}, and clouds.azure.monitoring is set",
            "the objectives would have no alert: the log of a container app would have no requests",
            "set it to info, or leave it out",
        )


def groups_are_not_monitored(sections: AzureSections, _shared: Shared) -> Iterator[Problem]:
    """A container group has no replicas and no ingress that could be monitored."""
    location, section = sections.location, sections.containers
    if location is None or location.monitoring is None or section is None:
        return
    if section.enabled and section.kind == "group":
        yield at(
            "containers.azure.kind",
            "is group, and clouds.azure.monitoring is set",
            "the container group would have no alerts",
            "set kind: app, or remove clouds.azure.monitoring",
        )


RULES: Final[
    tuple[tuple[tuple[str, ...], CloudRule[Azure, AzureFunction, AzureContainer]], ...]
] = (
    (("clouds.azure",), monitoring_has_a_receiver),
    (("clouds.azure",), action_groups_fit_into_a_rule),
    (("clouds.azure", "containers.azure", "observability", "servers"), requests_are_logged),
    (("clouds.azure", "containers.azure"), groups_are_not_monitored),
)
"""Each rule with the paths that it reads."""
