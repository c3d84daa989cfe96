"""One spelling of each resource type: without an API version, and without its former names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from graph.resource_graph import ResourceGraph

_VERSION: Final = re.compile(r"^(azure-native:[a-z]+)/v[0-9a-z]+(?=:)")
"""The version of an API in a type token, such as ``azure-native:keyvault/v20240401:Secret``."""

_FORMER: Final[Mapping[str, str]] = {
    f"aws:s3/{part}V2:{part[0].upper()}{part[1:]}V2": f"aws:s3/{part}:{part[0].upper()}{part[1:]}"
    for part in (
        "bucket",
        "bucketAcl",
        "bucketLifecycleConfiguration",
        "bucketLogging",
        "bucketServerSideEncryptionConfiguration",
        "bucketVersioning",
        "bucketWebsiteConfiguration",
    )
}
"""Types of AWS by their former names."""

_FORMER_MODULES: Final = (
    "aws:alb/",
    "aws:elasticloadbalancingv2/",
    "aws:applicationloadbalancing/",
)
"""Modules that have the types of ``aws:lb/`` under another name."""


def type_name(token: str) -> str:
    """The type as rules name it."""
    if token.startswith("azure-native:"):
        return _VERSION.sub(r"\1", token)
    for module in _FORMER_MODULES:
        if token.startswith(module):
            return "aws:lb/" + token.removeprefix(module)
    return _FORMER.get(token, token)


def with_one_spelling(graph: ResourceGraph) -> ResourceGraph:
    """The graph with each type as rules name it; URNs stay as they are."""
    if all(type_name(each.type) == each.type for each in graph.resources):
        return graph
    named = (replace(each, type=type_name(each.type)) for each in graph.resources)
    return replace(graph, resources=tuple(named))
