"""The settings of the pods of one workload: those of all, and its own before them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, TypeVar

from components.kubernetes.pod_settings import PodSettings, SecretKey, Toleration, UserIds

from .config.pods import Pods
from .config.stack import StackConfig
from .identities import cloud_identity

USER_NAMESPACES_SINCE: Final = 36
"""Minor version of Kubernetes 1 in which user namespaces are stable and cannot be switched off."""

T = TypeVar("T")


def pod_settings(config: StackConfig, workload: str) -> PodSettings:
    """What the section ``kubernetes`` says about the pods of ``workload``.

    Mappings are merged; of everything else the workload's own value counts where it has one.
    """
    kubernetes = config.kubernetes
    every, own = kubernetes.pods, kubernetes.service_pods.get(workload, Pods())
    tolerations = _first(own.tolerations, every.tolerations, [])
    return PodSettings(
        node_selector=every.node_selector | own.node_selector,
        tolerations=[Toleration(**each.model_dump()) for each in tolerations],
        priority_class=_first(own.priority_class, every.priority_class, None),
        runtime_class=_first(own.runtime_class, every.runtime_class, None),
        labels=every.labels | own.labels,
        annotations=every.annotations | own.annotations,
        image_pull_secrets=_first(own.image_pull_secrets, every.image_pull_secrets, []),
        env=_without(every.env, own.secret_env) | own.env,
        secret_env={
            name: SecretKey(secret=each.secret, key=each.key)
            for name, each in (_without(every.secret_env, own.env) | own.secret_env).items()
        },
        user_ids=UserIds(_first(own.user_ids, every.user_ids, "nobody")),
        identity=cloud_identity(config, workload),
        node_scale_down=_first(own.node_scale_down, every.node_scale_down, None),
        user_namespaces=_first(
            own.user_namespaces,
            every.user_namespaces,
            minor_version(kubernetes.pod_security_version) >= USER_NAMESPACES_SINCE,
        ),
    )


def minor_version(version: str) -> int:
    """36 for ``v1.36``."""
    return int(version.rpartition(".")[2])


def _first(own: T | None, every: T | None, otherwise: T) -> T:
    return own if own is not None else every if every is not None else otherwise


def _without(given: dict[str, T], names: Collection[str]) -> dict[str, T]:
    """What is given for all, without the variables that the workload gets in the other way."""
    return {name: value for name, value in given.items() if name not in names}
