"""Builds the servers in the clouds: the reference server, and images of users behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pulumi

from archives.ensure import ensure
from components.base.problems import Problem, ProblemReport
from components.mcp.auth import Auth
from components.mcp.server_config import CloudServerConfig
from components.mcp.target import McpTarget
from components.mcp.timeout_budget import TimeoutBudget
from graph.project import KEY_PREFIX

from .cloud_providers import CloudProviders
from .cloud_user_servers import Placed, deployment_of, placed, user_image
from .config.stack import StackConfig
from .managed_data import ManagedData
from .rules.clouds import shared, switched_on
from .rules.own_code import host_of
from .targets.target import Deployment, UserPlace
from .token_rules import token_rules
from .topologies.topology import POSTGRES

ROLE: Final = "tools"
"""The role of a server in a cloud: it uses no database of the platform's, and no node."""


@dataclass(frozen=True)
class CloudServers:
    """What is deployed to the clouds.

    Attributes:
        targets: the reference server, by its name.
        servers: the user's servers, by their name and then by their target.
    """

    targets: dict[str, McpTarget[Any]]
    servers: dict[str, dict[str, McpTarget[Any]]]

    def components(self) -> list[McpTarget[Any]]:
        """All of them."""
        users = [one for targets in self.servers.values() for one in targets.values()]
        return [*self.targets.values(), *users]


def cloud_servers(
    config: StackConfig, providers: CloudProviders, tags: Mapping[str, str], managed: ManagedData
) -> CloudServers:
    """Every server in a cloud that is switched on.

    Args:
        config: the stack's.
        providers: of the clouds.
        tags: of every resource.
        managed: the data stores that clouds manage.

    Raises:
        ProblemReport: what their clouds cannot do, of all of them at once, by section.
    """
    on, users = switched_on(config), [*placed(config)]
    hosts = [host for each in on if (host := host_of(each))]
    loaded = [providers.cloud(each.cloud) for each in on]
    for one in users:
        providers.cloud(one.cloud)
    archives = {host.name: made for host, made in zip(hosts, ensure(hosts, loaded), strict=True)}
    built = CloudServers({}, {})
    problems: list[Problem] = []
    if on or users:
        deployment = Deployment(
            shared=shared(config),
            config=_server(config),
            archives=archives,
            tags=tags,
            database=managed.get(POSTGRES),
        )
        for each in on:
            packages = [providers.package(package) for package in each.server.packages]
            options = pulumi.ResourceOptions(providers=[providers.cloud(each.cloud), *packages])
            location = config.clouds.of(each.cloud)
            try:
                built.targets[each.server.name] = each.server.build(
                    each.server.name, location, each.section, deployment, options
                )
            except ProblemReport as report:
                section = f"{KEY_PREFIX}{each.path}"
                problems += [
                    replace(one, path=f"{section} ({one.path})") for one in report.problems
                ]
        for one in users:
            try:
                built.servers.setdefault(one.name, {})[one.target] = _user_server(
                    config, one, deployment, providers
                )
            except ProblemReport as report:
                path = f"{KEY_PREFIX}servers.{one.name}"
                problems += [
                    replace(found, path=f"{path} ({found.path})") for found in report.problems
                ]
    if problems:
        raise ProblemReport(problems)
    return built


def _user_server(
    config: StackConfig, one: Placed, deployment: Deployment, providers: CloudProviders
) -> McpTarget[Any]:
    return one.kind.build(
        f"{one.target}-{one.name}",
        UserPlace(config.clouds.of(one.cloud), one.section, one.entry),
        deployment_of(config, one, deployment),
        user_image(config, one),
        pulumi.ResourceOptions(providers=[providers.cloud(one.cloud)]),
    )


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
