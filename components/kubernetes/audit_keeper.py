"""The job that makes partitions of the audit log ahead, and drops old ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from ..base.arg_types import DnsLabel, Image, Line, SecretName
from ..base.inputs import applied
from ..mcp.audit_log import AuditOwner
from ..mcp.config_forms import CONFIG_PATH
from ..mcp.server_config import INTERNAL_CA_PATH, PROGRAM, SECRETS_PATH
from ..mcp.server_toml import keeper_toml
from ..mcp.store_files import AUDIT_OWNER
from .backup_storage import BackupStorage, bucket_key, bucket_section
from .container import Container, Files, SecretFiles
from .job import CronJobArgs
from .pod_settings import PodSettings
from .resources import Resources

AUDIT_KEEPER: Final = "mcp-audit-keeper"
"""Name of the CronJob, its label and its flow source."""
AUDIT_CONFIG: Final = f"{CONFIG_PATH}/audit.toml"
_RESOURCES: Final = Resources(cpu="50m", memory="128Mi")
_DEADLINE: Final = 3600
"""Seconds for all tries: before a month is dropped, all of its rows are read."""


@dataclass(frozen=True, kw_only=True)
class AuditKeeperArgs:
    """Args of the job.

    Attributes:
        namespace: where it runs.
        image: of the server.
        owner: the log, as its owner reaches it.
        passwords_secret: Secret with ``audit-keeper-password``, if the owner names no other.
        internal_ca_secret: Secret with ``ca.crt``, the CA of the platform.
        retention_days: age of a row after which its month may be dropped.
        schedule: five fields, in UTC.
        stack: name of the platform, of whose folder in the bucket the months are.
        storage: the bucket that closed months are exported to; None: old ones are dropped without
            a copy.
        pods: settings of the pods.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    owner: AuditOwner
    passwords_secret: SecretName
    internal_ca_secret: SecretName
    retention_days: int = 365
    schedule: Line = "17 2 * * *"
    stack: DnsLabel = "qudag-mcp"
    storage: BackupStorage | None = None
    pods: PodSettings = field(default_factory=PodSettings)


def audit_keeper_job(args: AuditKeeperArgs) -> CronJobArgs:
    """The CronJob: the image of the server with the password of the owner, and no other rights."""
    storage = args.storage
    bucket = bucket_key(storage) if storage else []
    container = Container(
        name="keep",
        image=args.image,
        command=[PROGRAM, "audit", "keep", "--config", AUDIT_CONFIG],
        resources=_RESOURCES,
        files=[Files(name=f"{AUDIT_KEEPER}-config", path=CONFIG_PATH, content=_content(args))],
        secrets=[
            *owner_secrets(args.owner, args.passwords_secret, args.internal_ca_secret),
            *bucket,
        ],
    )
    return CronJobArgs(
        namespace=args.namespace,
        component="audit",
        containers=[container],
        schedule=args.schedule,
        deadline=_DEADLINE,
        retries=2,
        name=AUDIT_KEEPER,
        pods=args.pods,
    )


def _content(args: AuditKeeperArgs) -> dict[str, pulumi.Input[str]]:
    storage = args.storage
    if storage is None:
        return {"audit.toml": keeper_toml(args.owner, args.retention_days)}

    def bucket(url: str) -> dict[str, Any]:
        return bucket_section(storage, stack=args.stack, url=url)

    section = applied(bucket, storage.url)
    return {"audit.toml": keeper_toml(args.owner, args.retention_days, section)}


def owner_secrets(owner: AuditOwner, passwords: str, authority: str) -> list[SecretFiles]:
    """The Secrets with the owner's password and the CA of the database."""
    if owner.authority is None:
        ca = SecretFiles(secret=authority, path=INTERNAL_CA_PATH, keys=("ca.crt",))
    else:
        ca = SecretFiles(
            secret=owner.authority.secret,
            path=AUDIT_OWNER.authority_path,
            keys=(owner.authority.key,),
        )
    if owner.password is None:
        keys = (AUDIT_OWNER.password_key,)
        return [ca, SecretFiles(secret=passwords, path=SECRETS_PATH, keys=keys)]
    own = owner.password
    return [ca, SecretFiles(secret=own.secret, path=AUDIT_OWNER.path, keys=(own.key,))]
