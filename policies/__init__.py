"""Everything that must hold of a graph's cloud resources, asked at once."""

from __future__ import annotations

from components.base.problems import Problem
from graph.resource_graph import ResourceGraph

from .rules import aws, azure, gcp
from .rules.aws_exposure import doors_are_shut, hops_outlive_the_tool
from .rules.properties import properties_match_the_sdk
from .rules.references import arns_exist, companions_exist, references_exist
from .rules.settings import names_fit, rights_are_exact, settings_hold
from .rules.timeouts import doors_wait

_CLOUDS = (aws, azure, gcp)


def broken_policies(graph: ResourceGraph) -> list[Problem]:
    """The problems of every rule; none for a graph without cloud resources."""
    return [
        *properties_match_the_sdk(graph),
        *names_fit(graph),
        *settings_hold(graph, [row for cloud in _CLOUDS for row in cloud.REQUIRED]),
        *companions_exist(graph, [row for cloud in _CLOUDS for row in cloud.COMPANIONS]),
        *references_exist(graph, [row for cloud in _CLOUDS for row in cloud.REFERENCES]),
        *arns_exist(graph, outside=aws.OUTSIDE),
        *rights_are_exact(graph, aws.POLICY_DOCUMENTS, aws.UNBOUNDED),
        *doors_are_shut(graph),
        *hops_outlive_the_tool(graph),
        *doors_wait(graph),
        *gcp.rights_are_bounded(graph),
    ]
