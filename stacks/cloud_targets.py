"""Builds the servers in the clouds that are switched on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pulumi

from archives.ensure import ensure
from archives.hosts import HOSTS
from components.base.problems import Problem, ProblemReport
from components.mcp.auth import Auth
from components.mcp.server_config import CloudServerConfig
from components.mcp.target import McpTarget
from components.mcp.timeout_budget import TimeoutBudget
from graph.project import KEY_PREFIX

from .cloud_providers import CloudProviders, tags_of
from .config.stack import StackConfig
from .rules.clouds import shared, switched_on
from .targets.target import Deployment
from .token_rules import token_rules

ROLE: Final = "tools"
"""The role of a server in a cloud: it uses no database of the platform's, and no node."""


def cloud_targets(config: StackConfig) -> dict[str, McpTarget[Any]]:
    """Every server in a cloud that is switched on, by its name.

    Raises:
        ProblemReport: what their clouds cannot do, of all of them at once, by section.
    """
    on = switched_on(config)
    hosts = [HOSTS[each.server.host] for each in on if each.server.host]
    tags = tags_of(config)
    providers = CloudProviders(config, tags)
    loaded = [providers.cloud(each.cloud) for each in on]
    archives = {host.name: made for host, made in zip(hosts, ensure(hosts, loaded), strict=True)}
    built: dict[str, McpTarget[Any]] = {}
    problems: list[Problem] = []
    if on:
        deployment = Deployment(
            shared=shared(config), config=_server(config), archives=archives, tags=tags
        )
        for each in on:
            packages = [providers.package(package) for package in each.server.packages]
            options = pulumi.ResourceOptions(providers=[providers.cloud(each.cloud), *packages])
            location = config.clouds.of(each.cloud)
            try:
                built[each.server.name] = each.server.build(
                    each.server.name, location, each.section, deployment, options
                )
            except ProblemReport as report:
                section = f"{KEY_PREFIX}{each.path}"
                problems += [
                    replace(one, path=f"{section} ({one.path})") for one in report.problems
                ]
    if problems:
        raise ProblemReport(problems)
    return built


def _server(config: StackConfig) -> CloudServerConfig:
    """The server's configuration, which is the same in every cloud."""
    protocol = config.protocol
    assert protocol.jwks_url is not None  # keys_can_be_fetched_from_the_clouds
    return CloudServerConfig(
        role=ROLE,
        auth=Auth(**token_rules(protocol), jwks_url=protocol.jwks_url),
        era=protocol.era,
        budget=TimeoutBudget(
            longest_tool=protocol.longest_tool_seconds, drain=protocol.drain_seconds
        ),
        allowed_origins=config.protocol.allowed_origins,
        json_answers=config.protocol.json_answers,
        log_level=config.log_level,
        limits=config.limits.of_servers(config.edge.max_body),
    )
