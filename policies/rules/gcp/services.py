"""Required settings of services of Google Cloud that the components do not use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from graph.resource_graph import Resource, ResourceGraph
from graph.tree import branch

from ...finding import Severity
from ...ranges import texts
from ...rule import Check, Hit, Required, Rule, at
from ..rows import at_least, none_of, off, on, rows

_CLUSTER: Final = "gcp:container/cluster:Cluster"
_MACHINES: Final = (
    "gcp:compute/instance:Instance",
    "gcp:compute/instanceTemplate:InstanceTemplate",
)
_BACKUPS: Final = "settings.backupConfiguration.backupRetentionSettings.retainedBackups"

REQUIRED: Final[tuple[Required, ...]] = (
    *rows(
        "gcp-tls-001",
        Severity.HIGH,
        "CIS Google Cloud Platform Foundation Benchmark 3.9",
        "tokens are sent over the internet with broken encryption",
        "write TLS_1_2, with the profile MODERN",
        (
            ("gcp:compute/sSLPolicy:SSLPolicy", "minTlsVersion"),
            ("gcp:compute/regionSslPolicy:RegionSslPolicy", "minTlsVersion"),
        ),
        none_of("TLS_1_0", "TLS_1_1"),
        absent=False,
    ),
    *rows(
        "gcp-redis-001",
        Severity.HIGH,
        "https://cloud.google.com/memorystore/docs/redis/about-in-transit-encryption",
        "sessions would be sent unencrypted",
        "write SERVER_AUTHENTICATION",
        (("gcp:redis/instance:Instance", "transitEncryptionMode"),),
        ("SERVER_AUTHENTICATION",),
        absent=False,
    ),
    *rows(
        "gcp-redis-002",
        Severity.HIGH,
        "https://cloud.google.com/memorystore/docs/redis/about-redis-auth",
        "every client on the network could read and write it",
        "set it to true",
        (("gcp:redis/instance:Instance", "authEnabled"),),
        on,
        absent=False,
    ),
    *rows(
        "gcp-sql-010",
        Severity.MEDIUM,
        "CIS Google Cloud Platform Foundation Benchmark 6.7",
        "data that was lost a few days ago cannot be restored",
        "keep 7 or more",
        (
            ("gcp:sql/databaseInstance:DatabaseInstance", _BACKUPS),
            (
                "gcp:sql/databaseInstance:DatabaseInstance",
                "settings.backupConfiguration.transactionLogRetentionDays",
            ),
        ),
        at_least(7),
    ),
    *rows(
        "gcp-logging-002",
        Severity.MEDIUM,
        "https://cloud.google.com/logging/docs/buckets#custom-retention",
        "events of the week before cannot be investigated",
        "keep logs for 7 days or longer",
        (
            (f"gcp:logging/{name[0].lower()}{name[1:]}:{name}", "retentionDays")
            for name in ("ProjectBucketConfig", "FolderBucketConfig", "OrganizationBucketConfig")
        ),
        at_least(7),
    ),
    *rows(
        "gcp-gke-002",
        Severity.HIGH,
        "CIS Google Kubernetes Engine Benchmark 5.8",
        "accounts of the cluster have rights that no role gives them",
        "set it to false",
        ((_CLUSTER, "enableLegacyAbac"),),
        off,
    ),
    *rows(
        "gcp-gke-002",
        Severity.HIGH,
        "CIS Google Kubernetes Engine Benchmark 5.8",
        "a certificate that never expires, and cannot be revoked, administers the cluster",
        "set it to false",
        ((_CLUSTER, "masterAuth.clientCertificateConfig.issueClientCertificate"),),
        off,
    ),
)

DEFAULT_ACCOUNT: Final = Rule(
    id="gcp-compute-003",
    severity=Severity.HIGH,
    reference="CIS Google Cloud Platform Foundation Benchmark 4.1, 4.2",
    refuses="a machine that runs as the project's default account with every scope",
    fix="create an account for the machine, with the roles that it needs",
)
SERIAL_PORT: Final = Rule(
    id="gcp-compute-004",
    severity=Severity.MEDIUM,
    reference="CIS Google Cloud Platform Foundation Benchmark 4.5",
    refuses="a machine whose serial console can be reached",
    fix="set serial-port-enable to FALSE",
)


def machines_are_bounded(graph: ResourceGraph) -> Iterator[Hit]:
    """Finds machines with the default account and every scope, or with a serial console."""
    for resource in graph.resources:
        if resource.type in _MACHINES:
            yield from _machine(resource)


def _machine(machine: Resource) -> Iterator[Hit]:
    account = branch(machine.inputs, "serviceAccount")
    email = str(account.get("email", "-compute@developer.gserviceaccount.com"))
    scopes = {scope.rpartition("/")[2] for scope in texts(account.get("scopes"))}
    default = email.endswith("-compute@developer.gserviceaccount.com")
    if default and "cloud-platform" in scopes:
        so = "an attacker who takes over the machine could edit the project"
        what = "is cloud-platform, for the project's default account"
        path = "serviceAccount.scopes"
        yield at(machine, path, what, so, DEFAULT_ACCOUNT.fix, DEFAULT_ACCOUNT.id)
    console: Any = branch(machine.inputs, "metadata").get("serial-port-enable")
    if str(console).casefold() in ("true", "1"):
        so = "everyone with a key of the machine can connect to it, past every firewall"
        path = "metadata.serial-port-enable"
        yield at(machine, path, f"is {console}", so, SERIAL_PORT.fix, SERIAL_PORT.id)


CHECK: Final = Check(
    rules=(DEFAULT_ACCOUNT, SERIAL_PORT), types=_MACHINES, find=machines_are_bounded
)
