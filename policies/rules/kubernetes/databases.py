"""PostgreSQL clusters of CloudNativePG: backups, encryption, superusers, and who can connect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.resource_graph import UNKNOWN, Resource, ResourceGraph
from graph.tree import branch, dig, entries

from ...finding import Severity
from ...rule import Check, Hit, Required, Rule, at

CLUSTER: Final = "kubernetes:postgresql.cnpg.io/v1:Cluster"
POOLER: Final = "kubernetes:postgresql.cnpg.io/v1:Pooler"
SCHEDULE: Final = "kubernetes:postgresql.cnpg.io/v1:ScheduledBackup"
STORE: Final = "kubernetes:barmancloud.cnpg.io/v1:ObjectStore"
ROLE: Final = "kubernetes:postgresql.cnpg.io/v1:DatabaseRole"

_DOCS: Final = "https://cloudnative-pg.io/documentation/current/"
_PUBLIC_TYPES: Final = ("LoadBalancer", "NodePort")
_POWERFUL: Final = ("superuser", "bypassrls", "replication")
_EVERYBODY: Final = ("trust",)
_UNHASHED: Final = ("password",)

NO_BACKUP: Final = Rule(
    id="k8s-postgres-001",
    severity=Severity.MEDIUM,
    reference=f"{_DOCS}backup/",
    refuses="a PostgreSQL cluster that archives no WAL files",
    fix="set spec.plugins with isWALArchiver: true and an ObjectStore, and register a "
    "ScheduledBackup",
)
UNENCRYPTED: Final = Rule(
    id="k8s-postgres-002",
    severity=Severity.MEDIUM,
    reference=f"{_DOCS}postgresql_conf/#the-pg_hba-section",
    refuses="a PostgreSQL cluster that accepts connections without TLS, as the operator's last "
    "rule of pg_hba.conf does",
    fix='begin spec.postgresql.pg_hba with "hostnossl all all all reject"',
)
NO_PASSWORD: Final = Rule(
    id="k8s-postgres-003",
    severity=Severity.HIGH,
    reference="https://www.postgresql.org/docs/current/auth-pg-hba-conf.html",
    refuses="a rule of pg_hba.conf that asks for no password, or for one in clear",
    fix="use scram-sha-256 or cert",
)
EXPOSED: Final = Rule(
    id="k8s-postgres-005",
    severity=Severity.HIGH,
    reference=f"{_DOCS}service_management/",
    refuses="a Service of a PostgreSQL cluster or of its PgBouncer that is reachable from outside",
    fix="use ClusterIP; clients outside connect through a VPN or a bastion",
)
POWERFUL: Final = Rule(
    id="k8s-postgres-006",
    severity=Severity.HIGH,
    reference=f"{_DOCS}declarative_role_management/",
    refuses="a role that may do everything, read every row or copy the whole server",
    fix="leave superuser, bypassrls and replication out",
)

REQUIRED: Final = (
    Required(
        id="k8s-postgres-004",
        severity=Severity.HIGH,
        reference=f"{_DOCS}security/",
        on=CLUSTER,
        path="spec.enableSuperuserAccess",
        allowed=(False,),
        absent=True,
        consequence="the superuser could log in over the network, with a password in a Secret",
        fix="leave it out; use kubectl cnpg psql",
    ),
    Required(
        id="k8s-postgres-007",
        severity=Severity.HIGH,
        reference="https://cloudnative-pg.io/plugin-barman-cloud/docs/object_stores/",
        on=STORE,
        path="spec.configuration.endpointURL",
        allowed=lambda value: str(value).startswith("https://"),
        absent=True,
        consequence="every row of the database would be sent unencrypted",
        fix="use an https:// URL, with endpointCA for a CA of your own",
    ),
    Required(
        id="k8s-postgres-008",
        severity=Severity.MEDIUM,
        reference=f"{_DOCS}backup/",
        on=SCHEDULE,
        path="spec.suspend",
        allowed=(False,),
        absent=True,
        consequence="no new base backup would be made, and a restore takes longer each day",
        fix="leave it out",
    ),
)


def databases_are_safe(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds clusters without an archive, without TLS, with powerful roles, and public ones."""
    for resource in graph.all(CLUSTER):
        yield from _archive(resource)
        yield from _access_rules(resource)
        for number, role in enumerate(entries(resource.inputs, "spec", "managed", "roles")):
            yield from _powers(resource, branch(role), f"spec.managed.roles[{number}].")
        for number, service in enumerate(
            entries(resource.inputs, "spec", "managed", "services", "additional")
        ):
            found = dig(service, "serviceTemplate", "spec", "type")
            path = f"spec.managed.services.additional[{number}].serviceTemplate.spec.type"
            yield from _exposed(resource, found, path)
    for resource in graph.all(ROLE):
        yield from _powers(resource, branch(dig(resource.inputs, "spec")), "spec.")
    for resource in graph.all(POOLER):
        found = dig(resource.inputs, "spec", "serviceTemplate", "spec", "type")
        yield from _exposed(resource, found, "spec.serviceTemplate.spec.type")
        mode = dig(resource.inputs, "spec", "pgbouncer", "parameters", "client_tls_sslmode")
        if mode in ("disable", "allow"):
            path = "spec.pgbouncer.parameters.client_tls_sslmode"
            yield at(
                resource,
                path,
                f"is {mode}",
                "passwords and rows could be read on the way",
                "write require",
                UNENCRYPTED.id,
            )


def _archive(resource: Resource) -> Iterator[Hit]:
    plugins = dig(resource.inputs, "spec", "plugins")
    if plugins == UNKNOWN:
        return
    archiving = [
        plugin
        for plugin in map(branch, entries(resource.inputs, "spec", "plugins"))
        if plugin.get("isWALArchiver") in (True, UNKNOWN) and plugin.get("enabled") is not False
    ]
    if not archiving and not dig(resource.inputs, "spec", "backup", "barmanObjectStore"):
        yield at(
            resource,
            "spec.plugins",
            "has no plugin that archives WAL files",
            "what is lost with the volumes is lost for good, and nothing can be undone",
            NO_BACKUP.fix,
            NO_BACKUP.id,
        )


def _access_rules(resource: Resource) -> Iterator[Hit]:
    rules = dig(resource.inputs, "spec", "postgresql", "pg_hba")
    if rules == UNKNOWN:
        return
    encrypted = False
    for number, written in enumerate(entries(resource.inputs, "spec", "postgresql", "pg_hba")):
        fields = str(written).split()
        if written == UNKNOWN:
            encrypted = True
        if len(fields) < 4 or fields[0] not in ("local", "host", "hostssl", "hostnossl"):
            continue
        method = _method(fields)
        if fields[:4] == ["hostnossl", "all", "all", "all"] and method == "reject":
            encrypted = True
        if method in (*_EVERYBODY, *_UNHASHED):
            yield at(
                resource,
                f"spec.postgresql.pg_hba[{number}]",
                f"ends with {method}",
                "whoever can connect can log in"
                if method in _EVERYBODY
                else "the server gets the password itself, and so does who reads the connection",
                NO_PASSWORD.fix,
                NO_PASSWORD.id,
            )
    if not encrypted:
        yield at(
            resource,
            "spec.postgresql.pg_hba",
            "does not reject connections without TLS",
            "passwords' proofs and rows could be read on the way",
            UNENCRYPTED.fix,
            UNENCRYPTED.id,
        )


def _method(fields: list[str]) -> str:
    """The method of a rule: options with ``=`` may follow it."""
    return [field for field in fields if "=" not in field][-1]


def _powers(resource: Resource, role: Any, path: str) -> Iterator[Hit]:
    for power in _POWERFUL:
        if role.get(power) is True and role.get("ensure") != "absent":
            yield at(
                resource,
                f"{path}{power}",
                "is true",
                "who has its password can read and change everything",
                POWERFUL.fix,
                POWERFUL.id,
            )


def _exposed(resource: Resource, kind: Any, path: str) -> Iterator[Hit]:
    if kind in _PUBLIC_TYPES:
        yield at(
            resource,
            path,
            f"is {kind}",
            "anybody who reaches the address can try passwords",
            EXPOSED.fix,
            EXPOSED.id,
        )


CHECK: Final = Check(
    rules=(NO_BACKUP, UNENCRYPTED, NO_PASSWORD, EXPOSED, POWERFUL),
    types=(CLUSTER, POOLER, ROLE),
    find=databases_are_safe,
)
