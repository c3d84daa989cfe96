"""Core: the server that executes tools, with its data and its schema migrated before it rolls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pulumi

from ..base.component import Component
from ..base.kubernetes_object import KubernetesObject, metadata
from ..mcp.server_config import CONFIG_PATH
from ..mcp.target import McpTarget
from .container import Container, Resources, SecretFiles
from .gateway import GatewayArgs, gateway_container, public_address
from .labels import labels
from .pod import pod_template
from .server import PROGRAM, ServerArgs, called, server_container, server_secrets, server_workload
from .workload import Workload

MIGRATION = "mcp-migration"
"""Name, label and flow source of the migration: it reaches the database and nothing else."""
MIGRATION_RESOURCES = Resources(cpu="50m", memory="128Mi")


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    """How the schema gets to the version that the server expects.

    Attributes:
        image: what carries the migrations; usually the server's own image.
        deadline: seconds that all tries may take together.
        retries: pods that may fail before the Job does.
    """

    image: pulumi.Input[str]
    deadline: int = 600
    retries: int = 6


@dataclass(frozen=True, kw_only=True)
class CoreArgs:
    """A server, and the migration of its database.

    Attributes:
        server: see ServerArgs.
        migration: None for a server without a database of its own.
        after: what the migration waits for: the database.
    """

    server: ServerArgs
    migration: MigrationArgs | None = None
    after: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class MonolithArgs:
    """Gateway, core and QuDAG integration in the pods of one workload.

    Attributes:
        core: the server, whose configuration has the node as well.
        gateway: the door in front of it; its upstream is the server in the same pod.
    """

    core: CoreArgs
    gateway: GatewayArgs


class Core(Component[CoreArgs]):
    """The core servers behind the gateway, migrated by one Job a version before they roll.

    Attributes:
        host: DNS name of its Service, for a gateway's upstream.
    """

    args_type = CoreArgs

    host: pulumi.Output[str]

    def build(self, args: CoreArgs) -> None:
        args = replace(args, server=called(args.server, self.name))
        after = [migration(self, args)] if args.migration else args.after
        container = server_container(args.server)
        workload = Workload(
            self.name,
            server_workload(args.server, [container], component="core", after=after),
            opts=self.owned(),
        )
        self.host = workload.host


class Monolith(McpTarget[MonolithArgs]):
    """One workload with gateway, core and QuDAG integration together, for development."""

    args_type = MonolithArgs

    def build(self, args: MonolithArgs) -> None:
        args = replace(args, core=replace(args.core, server=called(args.core.server, self.name)))
        after = [migration(self, args.core)] if args.core.migration else args.core.after
        gateway = replace(gateway_container(self.name, args.gateway), name="gateway")
        server = server_container(args.core.server)
        # The pod's Service is the gateway's; the server beside it is reached within the pod.
        ports = [replace(p, name=f"server-{p.name}", service=None) for p in server.ports]
        inside = replace(server, name="server", ports=ports)
        workload = Workload(
            self.name,
            server_workload(
                args.core.server,
                [gateway, inside],
                component="monolith",
                exposure=args.gateway.exposure,
                after=after,
            ),
            opts=self.owned(),
        )
        door = args.gateway
        base = public_address(door.domain, workload)
        self.answers_at(base, issuer=door.issuer, era=door.era)


def migration(
    owner: Component[CoreArgs] | Component[MonolithArgs], args: CoreArgs
) -> KubernetesObject:
    """One bounded Job for each version of its pod; done before the server's new pods start."""
    assert args.migration is not None
    server = args.server
    container = Container(
        name="migrate",
        image=args.migration.image,
        command=[PROGRAM, "migrate", "--config", f"{CONFIG_PATH}/server.toml"],
        resources=MIGRATION_RESOURCES,
        files=server_container(server).files,
        secrets=_database_only(server_secrets(server)),
    )
    identity = KubernetesObject(
        "ServiceAccount",
        owner.named("migration-identity"),
        metadata=metadata(
            f"{MIGRATION}-sa", namespace=server.namespace, labels=labels(MIGRATION, "migration")
        ),
        automountServiceAccountToken=False,
        opts=owner.owned(),
    )
    template = pod_template(
        MIGRATION,
        "migration",
        [container],
        service_account=identity.physical_name,
        grace=30,
        extra={"restartPolicy": "Never"},
    )
    # A Job's template cannot be changed, so each version of it is a Job of its own. The account
    # is left out of the digest: an engine knows it only once it is made.
    spec = {key: value for key, value in template["spec"].items() if key != "serviceAccountName"}
    version = pulumi.Output.all(template["metadata"], spec).apply(_digest)
    return KubernetesObject(
        "Job",
        owner.named("migration"),
        metadata=metadata(
            version.apply(lambda digest: f"{MIGRATION}-{digest}"),
            namespace=server.namespace,
            labels=labels(MIGRATION, "migration"),
        ),
        spec={
            "activeDeadlineSeconds": args.migration.deadline,
            "backoffLimit": args.migration.retries,
            "template": template,
        },
        opts=owner.owned(depends_on=list(args.after)),
    )


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:10]


def _database_only(secrets: Sequence[SecretFiles]) -> list[SecretFiles]:
    needed = {"database-password", "ca.crt"}
    fewer = [replace(s, keys=[key for key in s.keys if key in needed]) for s in secrets]
    return [secret for secret in fewer if secret.keys]
