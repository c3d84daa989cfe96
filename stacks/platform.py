"""The platform, top to bottom as it is drawn: namespaces, data, servers, front, flows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pulumi

from components.base.quantities import quantity
from components.kubernetes.audit_keeper import AUDIT_KEEPER, audit_keeper_job
from components.kubernetes.core import Core, Monolith
from components.kubernetes.database_backup import DatabaseBackup
from components.kubernetes.egress_proxy import EgressProxy
from components.kubernetes.external_secrets import SecretSync
from components.kubernetes.flow import FlowPolicies
from components.kubernetes.gateway import Gateway
from components.kubernetes.human_roles import HumanRoles
from components.kubernetes.job import CronJob
from components.kubernetes.namespace import ContainerLimits, LockedNamespace, LockedNamespaceArgs
from components.kubernetes.qudag_node import QudagNode
from components.kubernetes.server import McpService
from components.kubernetes.shared_volume import SharedVolume
from components.kubernetes.user_server import UserServer
from components.kubernetes.volume_backup import VolumeBackup
from components.mcp.data_tier import DataTier
from components.mcp.protected_resource import server_path
from components.mcp.target import MCP_PATH, METADATA_PATH
from components.mcp.timeout_budget import TimeoutBudget

from .addresses import Addresses, CacheLogin
from .audit import audit_keeper_args
from .backup import OwnBucket, archive_url, backs_up_manifests, backup_args, volume_backup_args
from .config.logs import LOGS
from .config.servers import Server
from .config.stack import StackConfig
from .dashboards import deploy_dashboards
from .data_tiers import data_tiers
from .flow_args import flow_args
from .human_roles import human_roles_args
from .logs import deploy_log_collection
from .managed_data import ManagedData, cache_login
from .observability import deploy_monitoring
from .placement import placement
from .platform_args import PlatformArgs
from .required_secrets import required_secrets
from .secret_sync import secret_sync_args
from .services import topology
from .store_args import shared_volume_args
from .stored_manifests import DeclaredObjects
from .topologies.topology import POSTGRES, VALKEY, Service
from .traces import deploy_traces

_Server = Core | QudagNode | McpService | UserServer | EgressProxy


class Platform:
    """The namespaces, the data, the servers, the front and the flows of a topology."""

    def __init__(
        self,
        config: StackConfig,
        provider: pulumi.ProviderResource,
        managed: ManagedData,
        bucket: OwnBucket | None = None,
    ) -> None:
        """Registers them.

        Args:
            config: the stack's.
            provider: of the cluster.
            managed: the data stores that clouds manage.
            bucket: for backups, which the stack creates; None: it creates none.
        """
        self.config = config
        self.bucket = bucket
        self.topology = topology(config)
        stored = DeclaredObjects() if backs_up_manifests(config, self.topology) else None
        self.options = pulumi.ResourceOptions(
            providers=[provider], transformations=[stored.note] if stored else None
        )
        budget = TimeoutBudget(
            longest_tool=config.protocol.longest_tool_seconds,
            drain=config.protocol.drain_seconds,
        )
        self.args = PlatformArgs(config, self.topology, budget)

        self.placement = placement(config)

        self.namespaces = self._namespaces()
        self.namespace = self.namespaces[self.placement.namespace]
        self.ready = self._secrets()
        self.volumes = self._volumes()
        self.data = {**managed, **self._data()}
        self.servers = self._servers()
        self.front = self._front()
        self._backups()
        self._keeper()
        self._flows()
        self._people()
        deploy_monitoring(config, self.topology, self.ready, self.options)
        deploy_dashboards(config, self.topology, self.ready, self.options)
        deploy_log_collection(config, self.topology, self.ready, self.options)
        deploy_traces(config, self.ready, self.options)
        if stored:
            stored.store(self.namespace.namespace, required_secrets(config), provider)

    def outputs(self) -> dict[str, Any]:
        """What every target that serves MCP returns, and what must exist before it can run."""
        return {
            "mcp_url": self.front.mcp_url,
            "prm_url": self.front.prm_url,
            "issuer": self.front.issuer,
            "era": self.front.era,
            "audience": self.front.mcp_url,
            "namespace": self.namespace.namespace,
            **({"namespaces": self.placement.every} if self.placement.namespaces else {}),
            "required_secrets": required_secrets(self.config),
            "secret_rotation_days": self.config.secrets.rotation_days,
            **({"scopes": scopes} if (scopes := self.config.protocol.required_scopes) else {}),
            **({"servers": self._user_servers()} if self.config.exposed_servers else {}),
            **({"stand_ins": stand_ins} if (stand_ins := self.config.stand_ins) else {}),
        }

    def _user_servers(self) -> dict[str, dict[str, Any]]:
        """The outputs of each of the user's servers: a target's, and the scopes of a token."""
        base = self.front.mcp_url.apply(lambda url: url.removesuffix(MCP_PATH))
        return {
            name: {
                "mcp_url": pulumi.Output.concat(base, server_path(name, server.path_prefix)),
                "prm_url": pulumi.Output.concat(
                    base, METADATA_PATH, server_path(name, server.path_prefix)
                ),
                "issuer": self.front.issuer,
                "era": server.era,
                "auth": server.auth,
                "scopes": self._scopes(server),
            }
            for name, server in self.config.exposed_servers.items()
        }

    def _scopes(self, server: Server) -> list[str]:
        """What a token needs to call a server: nothing that we know of if it checks them itself."""
        if server.auth == "server":
            return []
        return sorted({*self.config.protocol.required_scopes, *server.scopes})

    def _namespaces(self) -> dict[str, LockedNamespace]:
        """The platform's own namespace and the further ones, by their names in the cluster."""
        return {
            namespace: self._namespace(self._suffixed("platform", namespace), namespace)
            for namespace in self.placement.every
        }

    def _namespace(self, name: str, namespace: str) -> LockedNamespace:
        config, kubernetes = self.config, self.config.kubernetes
        return LockedNamespace(
            name,
            LockedNamespaceArgs(
                name=namespace,
                labels={
                    **kubernetes.namespace_labels,
                    "name": namespace,
                    "environment": config.environment_name,
                },
                # Collectors mount the log files of their node; nothing else runs there.
                pod_security="privileged"
                if self.placement.namespaces.get(LOGS) == namespace
                else "restricted",
                pod_security_version=kubernetes.pod_security_version,
                quota=kubernetes.quota.hard() if kubernetes.quota else {},
                container_limits=self._container_limits() if kubernetes.container_limits else None,
            ),
            opts=self.options,
        )

    def _container_limits(self) -> ContainerLimits:
        """The usual limits, with room for the dump of a backup."""
        usual, backup = ContainerLimits(), self.config.backup
        if backup is None:
            return usual
        disk = max(usual.max["ephemeral-storage"], backup.size, key=quantity)
        return replace(usual, max={**usual.max, "ephemeral-storage": disk})

    def _suffixed(self, name: str, namespace: str) -> str:
        """The name of a component that each namespace has; the platform's own has no suffix."""
        places = {there: place for place, there in self.placement.namespaces.items()}
        return f"{name}-{places[namespace]}" if namespace in places else name

    def _secrets(self) -> dict[str, pulumi.Output[str]]:
        """The namespaces by their names; with a store, workloads in them wait for their Secrets."""
        ready = {namespace: made.namespace for namespace, made in self.namespaces.items()}
        for namespace, made in self.namespaces.items():
            if args := secret_sync_args(self.config, namespace, made.namespace):
                name = self._suffixed("secrets", namespace)
                ready[namespace] = SecretSync(name, args, opts=self.options).namespace
        return ready

    def _people(self) -> None:
        for namespace, made in self.namespaces.items():
            args = human_roles_args(self.config, self.topology, namespace, made.namespace)
            if args is not None:
                HumanRoles(self._suffixed("people", namespace), args, opts=self.options)

    def _volumes(self) -> list[SharedVolume]:
        """The volumes that servers share; pods that name a claim stay pending until it exists."""
        made: list[SharedVolume] = []
        for name, volume in self.config.data.volumes.items():
            args = shared_volume_args(self.config, volume, self.namespace.namespace)
            made.append(SharedVolume(name, args, opts=self.options))
        return made

    def _data(self) -> dict[str, DataTier[Any]]:
        """The data tier of each data store that no cloud manages."""
        made: dict[str, DataTier[Any]] = {}
        for each in data_tiers(self.config, self.topology):
            namespace = self.ready[each.namespace]
            args = each.args(self.config, namespace, archive_url(self.config, self.bucket))
            tier = each.tier.component(each.name, args, opts=self.options)
            made |= dict.fromkeys(each.stores, tier)
        return made

    def _servers(self) -> dict[str, _Server]:
        """The servers behind the front, by name."""
        made: dict[str, _Server] = {}
        for service in self.topology.services:
            if service.name != self.topology.front.service:
                kind, args = self.args.component(service, self._addresses(service))
                server = kind(service.name, args, opts=self.options)
                made[service.name] = cast("_Server", server)
        return made

    def _front(self) -> Gateway | Monolith:
        """What clients connect to."""
        front = self.topology.front
        hosts = {name: server.host for name, server in self.servers.items()}
        service = next(one for one in self.topology.services if one.name == front.service)
        addresses = replace(self._addresses(service), hosts=hosts)
        kind, args = self.args.component(service, addresses)
        return cast("Gateway | Monolith", kind(service.name, args, opts=self.options))

    def _addresses(self, service: Service) -> Addresses:
        namespace = self.ready[self.placement.of(service.name)]
        database, cache = self.data.get(POSTGRES), self.data.get(VALKEY)
        return Addresses(
            namespace=namespace,
            database_host=database.database_host if database else "",
            cache_host=cache.cache_host if cache else "",
            cache_login=cache_login(cache) if cache else CacheLogin(),
            database=[tier.database for tier in (database or cache,) if tier],
        )

    def _backups(self) -> None:
        """The jobs that back the database and volumes up, and try the backups."""
        database, namespace = self.data.get(POSTGRES), self.namespace.namespace
        host = Addresses(namespace=namespace).short(database.database_host) if database else ""
        after = [database.database] if database else []
        stack = (self.config, self.topology, namespace, host)
        if args := backup_args(*stack, after, bucket=self.bucket):
            DatabaseBackup("backup", args, opts=self.options)
        if args := volume_backup_args(*stack, [*self.volumes, *after], bucket=self.bucket):
            VolumeBackup("volume-backup", args, opts=self.options)

    def _keeper(self) -> None:
        """The job that keeps the audit log, beside the migration that makes it."""
        namespace = self.namespace.namespace
        database = self.data.get(POSTGRES)
        host = database.database_host if database else ""
        addresses = Addresses(namespace=namespace)
        args = audit_keeper_args(self.config, self.topology, namespace, addresses.short(host))
        if args is not None:
            CronJob(AUDIT_KEEPER, audit_keeper_job(args), opts=self.options)

    def _flows(self) -> None:
        for namespace, made in self.namespaces.items():
            args = flow_args(self.config, self.topology, namespace, made.namespace)
            FlowPolicies(self._suffixed("flows", namespace), args, opts=self.options)
