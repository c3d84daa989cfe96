"""The one explicit provider that every Kubernetes resource of a stack goes through."""

from __future__ import annotations

import pulumi_kubernetes as k8s

from .config.stack import StackConfig


def kubernetes_provider(config: StackConfig) -> k8s.Provider:
    """The cluster that the configuration names.

    Without ``kubernetes.context`` (dev only) it is the one whose kubeconfig `qudag-mcp up` sets
    in KUBECONFIG; a person's current context is never used by accident.
    """
    return k8s.Provider(
        "cluster",
        context=config.kubernetes.context,
        # A renewed kubeconfig is the same cluster: without this, all of it would be replaced.
        cluster_identifier=f"{config.environment}-{config.namespace}",
        enable_server_side_apply=True,
        # `up` makes the namespace first, for its Secrets; an interrupted one leaves more behind.
        upsert_existing_objects=config.environment == "dev",
        # Changed files are changed in place; the pods' checksum annotation rolls them.
        enable_config_map_mutable=True,
    )
