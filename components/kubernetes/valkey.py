"""The container of Valkey: its configuration, and its users with the passwords of their Secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import Image, SecretName
from ..mcp.data_tier import VALKEY, CacheProfile
from ..mcp.server_config import INTERNAL_TLS_PATH, SECRETS_PATH
from .container import Claim, Container, Files, Port, Probe, Probes, SecretFiles
from .resources import Resources
from .templates import render
from .valkey_args import ValkeySettings
from .valkey_exporter import EXPORTER_RULES
from .valkey_replicas import NODE_RULES, REPLICATION_PASSWORD, Replication
from .valkey_users import users_file, users_script

START: Final = "exec valkey-server /etc/valkey/valkey.conf\n"
OWN_RULES: Final = NODE_RULES | EXPORTER_RULES
"""What the users of the pods themselves may do."""
SHARED_PASSWORD: Final = "redis-password"  # noqa: S105  (the name of a key)
"""Key of the user ``default`` in the Secret of passwords."""


@dataclass(frozen=True, kw_only=True)
class ValkeyContainer:
    """What the container of Valkey is made of.

    Attributes:
        image: the program.
        settings: memory, connections and users.
        profile: persistence and eviction.
        passwords_secret: Secret with ``redis-password``, for the user ``default``.
        tls_secret: Secret with ``tls.crt`` and ``tls.key``.
        claim: the volume for its files.
        resources: of the container, unless the settings name some.
        replication: None for one Valkey.
    """

    image: pulumi.Input[Image]
    settings: ValkeySettings
    profile: CacheProfile
    passwords_secret: SecretName
    tls_secret: SecretName
    claim: Claim
    resources: Resources
    replication: Replication | None = None


def valkey_container(args: ValkeyContainer) -> Container:
    """Valkey with the profile's persistence and eviction; no password is on a command line."""
    settings = args.settings
    replication = args.replication
    own = [
        *(replication.users if replication else []),
        *([settings.exporter.user] if settings.exporter else []),
    ]
    script = users_script(
        folder="/etc/valkey",
        port=VALKEY,
        shared_password=f"{SECRETS_PATH}/{SHARED_PASSWORD}" if settings.has_default_user else "",
        own=REPLICATION_PASSWORD if replication else None,
    )
    running = replication.start() if replication else START
    shared = SecretFiles(secret=args.passwords_secret, path=SECRETS_PATH, keys=(SHARED_PASSWORD,))
    return Container(
        name="valkey",
        image=args.image,
        command=["sh", "/etc/valkey/start.sh"],
        ports=[Port(name="redis", number=VALKEY, service=VALKEY)],
        probes=Probes(
            # With replicas it waits for the Sentinels of most pods.
            startup=Probe(port=VALKEY, period=2, failures=300) if replication else None,
            readiness=Probe(port=VALKEY, period=5),
            liveness=Probe(port=VALKEY, period=30),
        ),
        resources=settings.resources or args.resources,
        files=[
            Files(
                name="valkey-config",
                path="/etc/valkey",
                content={
                    "valkey.conf": valkey_conf(args.profile, settings),
                    "users": users_file([*own, *settings.users], OWN_RULES),
                    "start.sh": f"set -eu\n{script}{running}",
                },
            )
        ],
        secrets=[
            *([shared] if settings.has_default_user else []),
            *(user.files() for user in (*own, *settings.users)),
            SecretFiles(
                secret=args.tls_secret, path=INTERNAL_TLS_PATH, keys=("tls.crt", "tls.key")
            ),
            *([replication.authority] if replication else []),
        ],
        claims=[args.claim],
    )


def valkey_conf(profile: CacheProfile, settings: ValkeySettings) -> str:
    """valkey.conf for the profile."""
    return render(
        "valkey.conf.j2",
        profile=profile.value,
        maxmemory=settings.memory,
        keepalive=settings.keepalive,
        timeout=settings.timeout,
        replicas=settings.replicas,
    )
