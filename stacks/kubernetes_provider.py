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
        cluster_identifier=_identifier(config),
        enable_server_side_apply=True,
        # `up` makes the namespace first, for its Secrets; an interrupted one leaves more behind.
        upsert_existing_objects=config.environment == "dev",
        # Changed files are changed in place; the pods' checksum annotation rolls them.
        enable_config_map_mutable=True,
    )


def _identifier(config: StackConfig) -> str:
    """Names the cluster: the engine replaces the provider, and every object, when it changes.

    A renewed kubeconfig does not change it. Another context does, because it is another cluster;
    the usual one, ``qudag-<environment>``, is left out, as in the stacks deployed so far.
    """
    known = f"{config.environment}-{config.namespace}"
    context = config.kubernetes.context
    usual = context in (None, f"qudag-{config.environment}")
    return known if usual else f"{known}-{context}"
