"""A whole stack: the platform in a cluster and the servers in the clouds that are switched on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.base.component import Component

from .backup_bucket import created_bucket
from .cloud_monitoring import deploy_cloud_monitoring
from .cloud_providers import CloudProviders, tags_of
from .cloud_targets import CloudServers, cloud_servers
from .config.stack import StackConfig
from .managed_data import data_outputs, managed_data
from .rules.own_code import folders

CONTRACT = ("mcp_url", "prm_url", "issuer", "era")
"""The outputs of every target that serves MCP."""


def build(config: StackConfig) -> dict[str, Any]:
    """Registers everything that is switched on; returns the stack's outputs.

    The contract's four are the platform's where there is one, else those of the first target;
    ``targets`` has them of each place in the clouds, by its name, and what else it tells, such as
    what the domain's DNS record points to. ``code`` has the folder of each function that runs one.
    """
    outputs: dict[str, Any] = {}
    tags = tags_of(config)
    providers = CloudProviders(config, tags)
    managed = managed_data(config, providers)
    bucket = created_bucket(config, providers, tags)
    if config.kubernetes.enabled:
        from .kubernetes_provider import kubernetes_provider
        from .platform import Platform

        outputs = Platform(config, kubernetes_provider(config), managed, bucket).outputs()
    clouds = cloud_servers(config, providers, tags, managed)
    monitoring = deploy_cloud_monitoring(
        config, providers, tags, [*dict.fromkeys(managed.values()), *clouds.components()]
    )
    targets = {name: _outputs(target) for name, target in clouds.targets.items()}
    servers = _with_clouds(config, outputs.get("servers", {}), clouds)
    places = [*targets.values(), *servers.values()]
    if places:
        first = {output: places[0][output] for output in CONTRACT}
        outputs = {**first, "audience": first["mcp_url"], **outputs}
    if targets:
        outputs["targets"] = targets
    if servers:
        outputs["servers"] = servers
    if managed:
        outputs["data"] = data_outputs(managed)
    if monitoring:
        outputs["monitoring"] = {cloud: _outputs(one) for cloud, one in monitoring.items()}
    if bucket:
        outputs["backup_location"] = bucket.url
    if code := folders(config):
        outputs["code"] = code
    return outputs


def _outputs(target: Component[Any]) -> dict[str, Any]:
    return {output: getattr(target, output) for output in type(target).outputs()}


def _with_clouds(
    config: StackConfig, in_cluster: Mapping[str, dict[str, Any]], clouds: CloudServers
) -> dict[str, dict[str, Any]]:
    """The outputs of each of the user's servers, with those of its targets in the clouds.

    The first ones are those of the cluster, else of the first target.
    """
    servers = {name: dict(outputs) for name, outputs in in_cluster.items()}
    for name, targets in clouds.servers.items():
        scopes = sorted({*config.protocol.required_scopes, *config.servers[name].scopes})
        told = {target: {**_outputs(one), "scopes": scopes} for target, one in targets.items()}
        first = next(iter(told.values()))
        own = {**{output: first[output] for output in CONTRACT}, "scopes": scopes}
        servers[name] = {**own, **servers.get(name, {}), "targets": told}
    return {name: servers[name] for name in config.servers if name in servers}
