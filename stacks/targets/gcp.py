"""The server on Google Cloud, as its section says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components.mcp.target import McpTarget

from .target import Clouds, Target


def _gcp_function(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.gcp.function import GcpFunction, GcpFunctionArgs
    from components.gcp.identity import GcpAccess

    section = clouds.config.serverless.gcp
    assert section is not None
    args = GcpFunctionArgs(
        location=clouds.gcp,
        archive=clouds.archives["gcp-function"],
        config=clouds.server(),
        access=GcpAccess(public=section.public, invokers=section.invokers),
        secrets=section.secrets,
        memory=f"{section.memory_mb}Mi",
        concurrency=section.concurrency,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        log_days=section.log_retention_days,
        protect=clouds.protect,
    )
    return GcpFunction(name, args, opts=options)


def _gcp_container(name: str, clouds: Clouds, options: pulumi.ResourceOptions) -> McpTarget[Any]:
    from components.gcp.container import CloudRun, CloudRunArgs
    from components.gcp.identity import GcpAccess

    section = clouds.config.containers.gcp
    assert section is not None
    args = CloudRunArgs(
        location=clouds.gcp,
        image=clouds.image(section.image),
        config=clouds.server(),
        access=GcpAccess(public=section.public, invokers=section.invokers),
        secrets=section.secrets,
        concurrency=section.concurrency,
        min_instances=section.min_instances,
        max_instances=section.max_instances,
        log_days=section.log_retention_days,
        protect=clouds.protect,
    )
    return CloudRun(name, args, opts=options)


TARGETS: Final[Mapping[str, Target]] = {
    "serverless": Target("gcp-function", _gcp_function, "gcp-function"),
    "containers": Target("gcp-container", _gcp_container),
}
"""By the section that switches it on."""
