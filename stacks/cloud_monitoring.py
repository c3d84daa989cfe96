"""Alarms and dashboards of what a stack has in clouds, where their sections have `monitoring`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pulumi

from components.base.component import Component

from .cloud_providers import CloudProviders
from .config.stack import StackConfig
from .rules.clouds import monitored_clouds, shared
from .targets import TARGETS
from .targets.target import Monitored

if TYPE_CHECKING:
    from components.mcp.cloud_alarms import CloudThresholds
    from components.mcp.objectives import Objectives


def deploy_cloud_monitoring(
    config: StackConfig,
    providers: CloudProviders,
    tags: Mapping[str, str],
    components: Sequence[Component[Any]],
) -> dict[str, Component[Any]]:
    """The monitoring of each cloud that has a section for it, by the cloud.

    Args:
        config: the stack's.
        providers: of the clouds.
        tags: of every resource.
        components: servers and data stores in all clouds.
    """
    made: dict[str, Component[Any]] = {}
    if not monitored_clouds(config):
        return made
    monitored = Monitored(
        components=components,
        objectives=_objectives(config),
        thresholds=_thresholds(config),
        shared=shared(config),
        tags=tags,
    )
    for key in monitored_clouds(config):
        monitor = TARGETS[key].monitor
        assert monitor is not None  # monitored_clouds
        options = pulumi.ResourceOptions(providers=[providers.cloud(key)])
        if one := monitor(config.clouds.of(key), monitored, options):
            made[key] = one
    return made


def _objectives(config: StackConfig) -> Objectives:
    from components.mcp.objectives import Objectives

    return Objectives(**config.observability.alerts.objectives.model_dump())


def _thresholds(config: StackConfig) -> CloudThresholds:
    from components.mcp.cloud_alarms import CloudThresholds

    limits = config.observability.alerts.thresholds
    return CloudThresholds(
        resource_percent=limits.resource_percent,
        connections_percent=limits.connections_percent,
        replication_lag_seconds=limits.replication_lag_seconds,
        limited_per_second=limits.limited_per_second,
    )
