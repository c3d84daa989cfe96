"""Applies every rule to a graph."""

from __future__ import annotations

from components.base.problems import Problem
from graph.duplicates import same_objects
from graph.resource_graph import ResourceGraph

from .rules import RULES
from .rules.properties import properties_match_the_sdk
from .rules.references import companions_exist, references_exist
from .rules.settings import names_are_accepted, required_settings_hold
from .rules.timeouts import hosts_outlive_the_tool


def broken_policies(graph: ResourceGraph) -> list[Problem]:
    """All problems that the rules for Kubernetes objects and cloud resources find."""
    clouds = RULES.values()
    return [
        *same_objects(graph),
        *properties_match_the_sdk(graph),
        *names_are_accepted(graph),
        *required_settings_hold(graph, [row for cloud in clouds for row in cloud.required]),
        *companions_exist(graph, [row for cloud in clouds for row in cloud.companions]),
        *references_exist(graph, [row for cloud in clouds for row in cloud.references]),
        *hosts_outlive_the_tool(graph, [host for cloud in clouds for host in cloud.hosts]),
        *(problem for cloud in clouds for check in cloud.checks for problem in check(graph)),
    ]
