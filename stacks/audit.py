"""The audit log of a stack: which servers write it, where it is, and the job that keeps it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import pulumi

from components.kubernetes.audit_keeper import AUDIT_KEEPER, AuditKeeperArgs
from components.kubernetes.party import Flow, Outside
from components.kubernetes.pod_settings import SecretKey
from components.mcp.audit_log import AuditLog, AuditOwner
from components.mcp.store_files import AUDIT, AUDIT_OWNER, StorePaths

from .agentgateway import asks_an_authorizer
from .backup import bucket_port, storage_of
from .config.audit import RETENTION_DAYS
from .config.stack import StackConfig
from .data_kinds import kind_of
from .pod_settings import pod_settings
from .topologies.topology import POSTGRES, STORES, Topology

WHY: Final = "audit log"
EXPORTS: Final = "months of the audit log"
BUCKET: Final = "audit-bucket"
"""Where flows to the bucket for closed months lead."""


def with_audit_log(topology: Topology, config: StackConfig) -> Topology:
    """The topology with the job and the flows of the audit log, if the stack has one."""
    if not config.audit.enabled or POSTGRES not in topology.data:
        return topology
    port = STORES[POSTGRES]
    known = {flow.source for flow in topology.flows if flow.target == POSTGRES}
    only = [name for name in audit_writers(topology, config) if name not in known]
    flows = [
        Flow(source=name, target=POSTGRES, port=port, why=WHY) for name in (*only, AUDIT_KEEPER)
    ]
    if (bucket := config.audit.bucket) is not None:
        exports = Flow(source=AUDIT_KEEPER, target=BUCKET, port=bucket_port(bucket), why=EXPORTS)
        flows.append(exports)
    return replace(
        topology,
        flows=[*topology.flows, *flows],
        scheduled=[*topology.scheduled, AUDIT_KEEPER],
        only_audit=frozenset(only),
    )


def audit_parties(config: StackConfig) -> list[Outside]:
    """Where the bucket for closed months is."""
    if not config.audit.enabled or config.audit.bucket is None:
        return []
    return [Outside(name=BUCKET, cidrs=config.audit.bucket.networks)]


def audit_writers(topology: Topology, config: StackConfig) -> list[str]:
    """The servers that clients' requests reach first, which write one row for each call.

    They are the upstream of the front, and the authorizer of requests to the user's servers.
    """
    asked = topology.authorizer if asks_an_authorizer(config) else None
    return list(dict.fromkeys(filter(None, (topology.front.upstream, asked))))


@dataclass(frozen=True, kw_only=True)
class AuditPassword:
    """The password of one of the log's two roles.

    Attributes:
        paths: its file, and its key in ``secrets.passwords``.
        key: the Secret that has it in place of ``secrets.passwords``.
        readers: the workloads that mount it.
    """

    paths: StorePaths
    key: SecretKey | None
    readers: frozenset[str]


def audit_passwords(config: StackConfig, topology: Topology) -> list[AuditPassword]:
    """The passwords of the log's two roles; none without a log."""
    if AUDIT_KEEPER not in topology.scheduled:
        return []
    kind = kind_of(config, POSTGRES)
    store = {POSTGRES} if POSTGRES in topology.stores_in_pods else set[str]()
    jobs = {job.name for job in topology.jobs}
    writers = {*store, *audit_writers(topology, config)}
    if not kind.makes_audit_roles:
        writers |= jobs
    owners, found = {*store, *jobs, AUDIT_KEEPER}, kind.audit_passwords(config)
    return [
        AuditPassword(paths=AUDIT, key=found.writer, readers=frozenset(writers)),
        AuditPassword(paths=AUDIT_OWNER, key=found.keeper, readers=frozenset(owners)),
    ]


def audit_log(
    config: StackConfig, topology: Topology, server: str, host: pulumi.Input[str]
) -> AuditLog | None:
    """The audit log as ``server`` writes it; None if it writes none."""
    if AUDIT_KEEPER not in topology.scheduled or server not in audit_writers(topology, config):
        return None
    section, kind = config.audit, kind_of(config, POSTGRES)
    log = AuditLog(
        host=host,
        port=kind.port(config),
        authority=kind.authority(config),
        verify=kind.verify(config),
        mode=section.mode,
        arguments=section.arguments,
        wait_seconds=section.wait_seconds,
    )
    log = replace(log, password=kind.audit_passwords(config).writer)
    login = kind.login(config)
    return replace(log, name=login["name"]) if "name" in login else log


def audit_owner(
    config: StackConfig, topology: Topology, host: pulumi.Input[str]
) -> AuditOwner | None:
    """The audit log as its owner reaches it; None if the stack has none."""
    if AUDIT_KEEPER not in topology.scheduled:
        return None
    kind = kind_of(config, POSTGRES)
    passwords = kind.audit_passwords(config)
    owner = AuditOwner(
        host=host,
        port=kind.port(config),
        authority=kind.authority(config),
        verify=kind.verify(config),
        password=passwords.keeper,
        makes_roles=not kind.makes_audit_roles,
        writer_password=passwords.writer,
    )
    login = kind.login(config)
    return replace(owner, name=login["name"]) if "name" in login else owner


def audit_keeper_args(
    config: StackConfig,
    topology: Topology,
    namespace: pulumi.Input[str],
    host: pulumi.Input[str],
) -> AuditKeeperArgs | None:
    """The job that keeps the log; None if the stack has none."""
    owner = audit_owner(config, topology, host)
    if owner is None:
        return None
    return AuditKeeperArgs(
        namespace=namespace,
        image=config.images.server,
        owner=owner,
        passwords_secret=config.secrets.passwords,
        internal_ca_secret=config.secrets.internal_ca,
        retention_days=config.audit.retention_days or RETENTION_DAYS[config.environment],
        schedule=config.audit.schedule,
        stack=config.namespace,
        storage=storage_of(config.audit.bucket) if config.audit.bucket else None,
        pods=pod_settings(config, AUDIT_KEEPER),
    )
