"""The runbooks of a stack's alerts in its cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pulumi

from components.kubernetes.gateway_metrics import MONOLITH_METRICS
from components.mcp.server_config import METRICS

from .config.observability import MONITORING
from .config.stack import StackConfig
from .monitoring import has_own_prometheus
from .placement import placement
from .topologies.topology import MonolithService, Topology

if TYPE_CHECKING:
    from components.observability.rules import RuleOptions

RUNBOOKS: Final = "runbooks"


def runbooks_namespace(config: StackConfig) -> str | None:
    """Where the runbooks are: beside the rules; None if the stack does not deploy them."""
    if config.observability.kind == "none" or not config.observability.alerts.runbooks_in_cluster:
        return None
    where = placement(config)
    return where.namespaces[MONITORING] if has_own_prometheus(config) else where.namespace


def deploy_runbooks(
    config: StackConfig,
    topology: Topology,
    rules: RuleOptions,
    namespaces: Mapping[str, pulumi.Input[str]],
    options: pulumi.ResourceOptions,
) -> None:
    """Registers the ConfigMap with the runbooks of the stack's alerts, if it has one.

    Args:
        config: the stack's.
        topology: with the servers of the stack.
        rules: options of the stack's alerts.
        namespaces: outputs of the components that create the namespaces, by their names.
        options: of the component.
    """
    namespace = runbooks_namespace(config)
    if namespace is None:
        return
    from components.observability.runbook_text import RunbookNames, runbook_texts
    from components.observability.runbooks_config_map import Runbooks, RunbooksArgs

    where = placement(config)
    front = topology.front.service
    in_monolith = any(
        isinstance(one, MonolithService) and one.name == front for one in topology.services
    )
    names = RunbookNames(
        stack=pulumi.get_stack(),
        gateway=front,
        gateway_metrics=MONOLITH_METRICS if in_monolith else METRICS,
        namespaces={workload: where.of(workload) for workload in where.places},
        places=where.namespaces,
    )
    args = RunbooksArgs(namespace=namespaces[namespace], pages=runbook_texts(rules, names))
    Runbooks(RUNBOOKS, args, opts=options)
