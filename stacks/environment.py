"""A whole stack: the platform in a cluster and the servers in the clouds that are switched on."""

from __future__ import annotations

from typing import Any

from .cloud_targets import cloud_targets
from .config.stack import StackConfig

CONTRACT = ("mcp_url", "prm_url", "issuer", "era")
"""The outputs of every target that serves MCP."""


def build(config: StackConfig) -> dict[str, Any]:
    """Registers everything that is switched on; returns the stack's outputs.

    The contract's four are the platform's where there is one, else those of the first target;
    ``targets`` has them of each place in the clouds, by its name, and what else it tells, such as
    what the domain's DNS record points to.
    """
    outputs: dict[str, Any] = {}
    if config.kubernetes.enabled:
        from .kubernetes_provider import kubernetes_provider
        from .platform import Platform

        outputs = Platform(config, kubernetes_provider(config)).outputs()
    targets: dict[str, dict[str, Any]] = {
        name: {output: getattr(target, output) for output in type(target).outputs()}
        for name, target in cloud_targets(config).items()
    }
    if targets:
        first = {output: next(iter(targets.values()))[output] for output in CONTRACT}
        outputs = {**first, "audience": first["mcp_url"], **outputs, "targets": targets}
    return outputs
