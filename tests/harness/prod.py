"""Prod with changed sections, and parts of its graph, for tests of the stacks in the clouds."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from components.base.tokens import TYPE_TOKENS
from components.mcp.target import McpTarget
from graph.programs import record_files
from graph.resource_graph import ResourceGraph
from graph.stack_files import StackFiles, read_stack_files
from graph.tree import branch
from stacks.targets import TARGETS
from stacks.targets.target import KINDS
from tests.harness.containers import ROOT
from tests.harness.graph_queries import ancestry

PLACES = {
    server.name: (kind, cloud)
    for kind in KINDS
    for cloud, target in TARGETS.items()
    if (server := target.server(kind))
}
"""By the server's name: its section and its cloud."""


def cloud_components() -> set[type[Any]]:
    found: set[type[Any]] = set()
    wave: list[type[Any]] = [McpTarget]
    while wave:
        wave = [inner for cls in wave for inner in cls.__subclasses__()]
        found |= set(wave)
    return found


@cache
def prod_files() -> StackFiles:
    return read_stack_files(ROOT, "prod")


def prod(**sections: Mapping[str, Any]) -> ResourceGraph:
    """Prod with some keys of some sections set otherwise."""
    files = prod_files()
    config = dict(files.config)
    if sections.get("kubernetes") == WITHOUT_A_CLUSTER:
        config = config_read_in_clouds(config)
    for section, keys in sections.items():
        written = json.loads(config.get(f"qudag-mcp:{section}", "{}"))
        config[f"qudag-mcp:{section}"] = json.dumps(merged(written, keys))
    changed = StackFiles.from_json(json.dumps({**json.loads(files.to_json()), "config": config}))
    return record_files(ROOT, changed)


IN_CLOUDS = ("clouds", "serverless", "containers")
"""The sections without which a stack is its cluster alone, at a third of the recording's time."""
WITHOUT_A_CLUSTER = {"enabled": False}
READ_IN_CLOUDS: Mapping[str, set[str]] = {
    **{section: set[str]() for section in ("topology", "domain", "data", "network", "audit")},
    "images": {"server"},
    "edge": {"maxBody", "tlsMinimum"},
    "observability": {"logLevel"},
}
"""Sections of prod with the keys that have an effect without a cluster."""
WEB_ACL = (
    "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/mcp/0a1b2c3d-0000-4000-8000-0123456789ab"
)


def read_in_clouds(sections: Mapping[str, Any]) -> dict[str, Any]:
    """The sections without what a stack without a cluster may not set."""
    found: dict[str, Any] = {}
    for section, written in sections.items():
        if section not in READ_IN_CLOUDS:
            found[section] = written
        elif read := READ_IN_CLOUDS[section]:
            found[section] = {key: one for key, one in written.items() if key in read}
    return found


def config_read_in_clouds(config: Mapping[str, str]) -> dict[str, str]:
    """The same of sections as Pulumi has them: texts, under keys with the project."""
    found: dict[str, str] = {}
    for name, text in config.items():
        section = name.removeprefix("qudag-mcp:")
        if not READ_IN_CLOUDS.get(section):
            found |= {name: text} if section not in READ_IN_CLOUDS else {}
        elif kept := read_in_clouds({section: json.loads(text)}):
            found[name] = json.dumps(kept[section])
    return found


@cache
def clouds_alone() -> ResourceGraph:
    """Prod's three clouds, without its cluster."""
    return prod(kubernetes=WITHOUT_A_CLUSTER)


def place_alone(name: str, keys: Mapping[str, Any]) -> ResourceGraph:
    """Prod's server of this name with some keys set otherwise, and nothing else in any cloud."""
    section, cloud = PLACES[name]
    sections: dict[str, dict[str, Any]] = {
        kind: {other: {"enabled": False} for other in TARGETS} for kind in KINDS
    }
    sections[section][cloud] = {"enabled": True, **keys}
    clouds = {other: None for other in TARGETS if other != cloud}
    return prod(kubernetes=WITHOUT_A_CLUSTER, clouds=clouds, **sections)


def merged(into: Mapping[str, Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """``into`` with ``keys`` set in it, at any depth."""
    result = copy.deepcopy(dict(into))
    for key, value in keys.items():
        inner = branch(result, key)
        result[key] = merged(inner, value) if inner and value else value
    return result


def below(graph: ResourceGraph, name: str) -> set[str]:
    """URNs of what belongs to the component ``name`` of a cloud."""
    tokens = {TYPE_TOKENS[c.__name__] for c in cloud_components() if c.__name__ in TYPE_TOKENS}
    (top,) = [one for one in graph.resources if one.type in tokens and one.name == name]
    return {
        one.urn
        for one in graph.resources
        if one.urn == top.urn or (top.type in ancestry(graph, one) and one.name.startswith(name))
    }
