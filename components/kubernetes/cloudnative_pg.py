"""PostgreSQL with standbys, failover and an archive, run by the operator CloudNativePG 1.30."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from ..base.inputs import applied
from ..base.kubernetes_object import Manifest, metadata, register
from ..base.postgres_forms import CLUSTER_NAME
from ..mcp.data_tier import DataTier, DataTierResources
from .cloudnative_pg_args import CloudNativePgDataTierArgs, LoginRole, PgBouncer
from .cloudnative_pg_backup import (
    account_annotations,
    archive_plugin,
    object_store_spec,
    pod_labels,
    scheduled_backup_spec,
)
from .cloudnative_pg_parameters import PARAMETERS
from .cloudnative_pg_policies import CLUSTER, cluster_policies
from .labels import labels

ENCRYPTED_ONLY: Final = "hostnossl all all all reject"
"""First rule of pg_hba.conf: the operator's last one accepts connections without TLS."""
_NO_CACHE: Final = ""


class CloudNativePgDataTier(DataTier[CloudNativePgDataTierArgs]):
    """A Cluster of CloudNativePG, its archive, its PgBouncer and its network policies.

    The operator must run in the Kubernetes cluster, with ``backup`` the Barman Cloud plugin and
    cert-manager too. There is no Valkey.
    """

    args_type = CloudNativePgDataTierArgs
    name_form = CLUSTER_NAME
    name_field: ClassVar[str | None] = "cluster"

    def deploy(self, args: CloudNativePgDataTierArgs) -> DataTierResources:
        made = {
            manifest.role: register(self, manifest) for manifest in self.manifests(self.name, args)
        }
        cluster = args.cluster or self.name
        front = pooler_name(cluster) if args.pooler else f"{cluster}-rw"

        def host(namespace: str) -> str:
            return f"{front}.{namespace}.svc"

        def read_host(namespace: str) -> str:
            return f"{cluster}-ro.{namespace}.svc"

        return DataTierResources(
            database=made["cluster"],
            database_host=applied(host, args.namespace),
            database_user=args.user,
            database_credentials=credentials_secret(cluster, args),
            cache_host=_NO_CACHE,
            # One server has no standby: the Service would lead nowhere.
            read_host=applied(read_host, args.namespace) if args.instances > 1 else None,
            ca=args.ca_secret,
            backup_location=args.backup.url if args.backup else "",
        )

    @classmethod
    def manifests(cls, name: str, args: CloudNativePgDataTierArgs) -> list[Manifest]:
        """Every object that a data tier of this name and args registers; policies come first."""
        cluster = args.cluster or name
        made = [
            _manifest("NetworkPolicy", role, f"{cluster}-{role}", cluster, args, spec)
            for role, spec in cluster_policies(cluster, args).items()
        ]
        if args.backup:
            spec = object_store_spec(args.backup)
            store = store_name(cluster)
            made.append(_manifest("ObjectStore", "store", store, cluster, args, spec, data=True))
        made.append(
            _manifest(
                "Cluster",
                "cluster",
                cluster,
                cluster,
                args,
                cluster_spec(cluster, args),
                data=True,
                annotations={"pulumi.com/waitFor": "condition=Ready"},
            )
        )
        if args.backup:
            spec = scheduled_backup_spec(args.backup, cluster)
            made.append(
                _manifest("ScheduledBackup", "backup", f"{cluster}-base", cluster, args, spec)
            )
        if args.pooler:
            spec = pooler_spec(cluster, args.pooler)
            made.append(_manifest("Pooler", "pgbouncer", pooler_name(cluster), cluster, args, spec))
        if args.prometheus and args.pod_monitor:
            spec = pod_monitor_spec(cluster)
            made.append(_manifest("PodMonitor", "metrics", cluster, cluster, args, spec))
        return made


def pooler_name(cluster: str) -> str:
    """Name of the Pooler and of its Service."""
    return f"{cluster}-pooler"


def store_name(cluster: str) -> str:
    """Name of the ObjectStore."""
    return f"{cluster}-backups"


def service_names(cluster: str, *, pooler: bool) -> list[str]:
    """The Services whose names the certificate must have."""
    made = [f"{cluster}-{kind}" for kind in ("rw", "ro", "r")]
    return [*made, pooler_name(cluster)] if pooler else made


def credentials_secret(cluster: str, args: CloudNativePgDataTierArgs) -> str:
    """The Secret with the owner's ``username`` and ``password``."""
    return args.credentials_secret or f"{cluster}-app"


def cluster_spec(cluster: str, args: CloudNativePgDataTierArgs) -> dict[str, Any]:
    """The spec of the Cluster."""
    storage = {"storageClass": args.storage_class} if args.storage_class else {}
    owner = {"secret": {"name": args.credentials_secret}} if args.credentials_secret else {}
    spec: dict[str, Any] = {
        "instances": args.instances,
        "imageName": args.image,
        "bootstrap": {
            "initdb": {
                "database": args.database,
                "owner": args.user,
                "dataChecksums": True,
                **owner,
            }
        },
        "certificates": {"serverTLSSecret": args.tls_secret, "serverCASecret": args.ca_secret},
        "enableSuperuserAccess": False,
        "postgresql": {
            "parameters": {**PARAMETERS, **args.parameters},
            "pg_hba": [ENCRYPTED_ONLY],
            **_synchronous(args.synchronous),
        },
        "storage": {"size": args.size, **storage},
        "resources": args.resources.spec(),
        "affinity": {
            "enablePodAntiAffinity": True,
            "podAntiAffinityType": "preferred",
            "topologyKey": "kubernetes.io/hostname",
        },
        # A new image: the standbys first, then the primary's role moves to one of them.
        "primaryUpdateStrategy": "unsupervised",
        "primaryUpdateMethod": "switchover" if args.instances > 1 else "restart",
    }
    if args.roles:
        spec["managed"] = {"roles": [_role(role) for role in args.roles]}
    if backup := args.backup:
        spec["plugins"] = [archive_plugin(backup, store_name(cluster), cluster)]
        annotations = {"metadata": {"annotations": account_annotations(backup)}}
        spec["serviceAccountTemplate"] = annotations
        if needed := pod_labels(backup):
            spec["inheritedMetadata"] = {"labels": needed}
    return spec


def _synchronous(standbys: int) -> dict[str, Any]:
    if not standbys:
        return {}
    return {
        "synchronous": {
            "method": "any",
            "number": standbys,
            "dataDurability": "required",
            # A failover happens only if a promoted standby must have every acknowledged row.
            "failoverQuorum": True,
        }
    }


def _role(role: LoginRole) -> dict[str, Any]:
    limit = {"connectionLimit": role.connection_limit} if role.connection_limit else {}
    member = {"inRoles": list(role.member_of)} if role.member_of else {}
    return {
        "name": role.name,
        "ensure": "present",
        "login": True,
        "superuser": False,
        "passwordSecret": {"name": role.password_secret},
        **member,
        **limit,
    }


def pooler_spec(cluster: str, pooler: PgBouncer) -> dict[str, Any]:
    """The spec of the Pooler; the boilerplate's pool (S2), of which each pod has one."""
    parameters: Mapping[str, int | str] = {
        "max_client_conn": pooler.max_clients,
        "default_pool_size": pooler.pool_size,
        "min_pool_size": pooler.min_connections,
        "query_wait_timeout": pooler.acquire_seconds,
        "server_idle_timeout": pooler.idle_seconds,
        "server_lifetime": pooler.lifetime_seconds,
        # Tests each connection before a client gets it.
        "server_check_delay": 0,
        "client_tls_sslmode": "require",
        "server_tls_sslmode": "verify-ca",
        **({"max_prepared_statements": 200} if pooler.pool_mode == "transaction" else {}),
    }
    return {
        "cluster": {"name": cluster},
        "type": "rw",
        "instances": pooler.instances,
        "pgbouncer": {
            "poolMode": pooler.pool_mode,
            "parameters": {name: str(value) for name, value in parameters.items()},
        },
        "template": {
            "spec": {"containers": [{"name": "pgbouncer", "resources": pooler.resources.spec()}]}
        },
        "deploymentStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
    }


def pod_monitor_spec(cluster: str) -> dict[str, Any]:
    """The spec of the PodMonitor: PgBouncer's pods have the cluster's label and port name too."""
    return {
        "selector": {"matchLabels": {CLUSTER: cluster}},
        "podMetricsEndpoints": [{"port": "metrics"}],
    }


def _manifest(  # noqa: PLR0917  (kind and names of an object)
    kind: str,
    role: str,
    name: str,
    cluster: str,
    args: CloudNativePgDataTierArgs,
    spec: dict[str, Any],
    *,
    data: bool = False,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    made = metadata(name, namespace=args.namespace, labels=labels(cluster, "database"))
    if annotations:
        made["annotations"] = dict(annotations)
    return Manifest(
        kind=kind,
        role=role,
        metadata=made,
        fields={"spec": spec},
        protect=args.protect and data,
    )
