"""The args of a stack's Valkey: its users with their rights, its settings, its Sentinels."""

from __future__ import annotations

from typing import Any

import pulumi

from components.base.inputs import applied
from components.base.versions import VERSIONS
from components.kubernetes.pod_settings import SecretKey
from components.kubernetes.resources import Resources
from components.kubernetes.valkey_args import ValkeySettings
from components.kubernetes.valkey_exporter import EXPORTER, ValkeyExporter
from components.kubernetes.valkey_replicas import REPLICATION, SENTINELS
from components.kubernetes.valkey_users import PASSWORD, ValkeyAccess, ValkeyUser
from components.mcp.era import has_sessions

from .config.stack import StackConfig
from .topologies import TOPOLOGIES
from .topologies.topology import VALKEY


def valkey_users(config: StackConfig) -> list[ValkeyUser]:
    """The services with a flow to Valkey, with no more rights than they use."""
    own = ValkeyAccess.SESSIONS if has_sessions(config.protocol.era) else ValkeyAccess.PING
    flows = TOPOLOGIES[config.topology].flows
    access = {flow.source: own for flow in flows if flow.target == VALKEY}
    servers = config.cluster_servers.items()
    access |= {name: ValkeyAccess.PROGRAM for name, server in servers if VALKEY in server.uses}
    return [
        ValkeyUser(name=name, secret=config.secrets.valkey_user(name), access=may)
        for name, may in access.items()
    ]


def valkey_password(config: StackConfig, server: str) -> SecretKey:
    """The password of a server's user."""
    return SecretKey(secret=config.secrets.valkey_user(server), key=PASSWORD)


def valkey_settings(config: StackConfig) -> ValkeySettings:
    """The settings of the section ``data.valkey``, with a user for each service."""
    valkey = config.data.valkey
    secrets: dict[str, Any] = {
        "replication_secret": config.secrets.valkey_user(REPLICATION),
        "sentinel_secret": config.secrets.valkey_user(SENTINELS),
        "ca_secret": config.secrets.internal_ca,
    }
    return ValkeySettings(
        memory=valkey.memory,
        keepalive=valkey.tcp_keepalive,
        timeout=valkey.timeout,
        users=valkey_users(config),
        replicas=valkey.replicas,
        **(secrets if valkey.replicas > 1 else {}),
        exporter=_exporter(config) if valkey.exporter else None,
        shared_password=valkey.shared_password,
        resources=Resources(**valkey.resources.model_dump()) if valkey.resources else None,
    )


def _exporter(config: StackConfig) -> ValkeyExporter:
    image = config.images.valkey_exporter or VERSIONS["images"]["valkeyExporter"]
    return ValkeyExporter(image=image, secret=config.secrets.valkey_user(EXPORTER))


def replica_hosts(service: str, replicas: int) -> list[str]:
    """The DNS names of the pods with replicas.

    Args:
        service: host name of their Service, ``<service>.<namespace>.svc``.
        replicas: number of pods.
    """
    return [f"{VALKEY}-{number}.{service}" for number in range(replicas)]


def sentinels(config: StackConfig, service: pulumi.Input[str]) -> list[pulumi.Input[str]]:
    """Host names of the Sentinels; none for one Valkey.

    Args:
        config: the stack's.
        service: host name of Valkey's Service; empty where objects are only counted.
    """
    replicas = config.data.valkey.replicas
    if replicas == 1:
        return []

    def host(service: str, number: int) -> str:
        return replica_hosts(service, replicas)[number]

    return [applied(host, service, number) for number in range(replicas)]
