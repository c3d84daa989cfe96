"""Replicas of Valkey: who is the primary, and Sentinels that replace it when it fails.

Each pod has a Valkey and a Sentinel. A Valkey starts as what most Sentinels say, so that two never
start as primaries. The Sentinels keep what they have learnt on the pod's volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import Image, SecretName
from ..mcp.data_tier import SENTINEL
from ..mcp.server_config import INTERNAL_CA_PATH, INTERNAL_TLS_PATH
from .container import Claim, Container, Files, Port, Probe, Probes, SecretFiles
from .resources import Resources
from .templates import render, text
from .valkey_users import (
    PASSWORD,
    USERS_PATH,
    OwnPassword,
    ValkeyUser,
    acl_rules,
    users_file,
    users_script,
)

REPLICATION: Final = "replication"
SENTINELS: Final = "sentinel"
"""Users of the pods themselves: by which a replica follows, and a Sentinel watches and decides."""
OWN: Final = (REPLICATION, SENTINELS)
HELLO: Final = "&__sentinel__:hello"
NODE_RULES: Final = {
    REPLICATION: acl_rules(["psync", "replconf", "ping"]),
    SENTINELS: acl_rules(
        [
            *("ping", "info", "role", "subscribe", "publish", "multi", "exec", "slaveof"),
            *("replicaof", "config|rewrite", "client|setname", "client|kill", "script|kill"),
        ],
        channels=HELLO,
    ),
}
"""What these two may do at a Valkey ("High availability with Sentinel" of its documentation)."""
_CHANGES: Final = (
    *("set", "failover", "monitor", "remove", "reset", "flushconfig", "config"),
    *("simulate-failure", "debug"),
)
SENTINEL_RULES: Final = {
    REPLICATION: acl_rules(["sentinel|master", "sentinel|failover"]),
    SENTINELS: " ".join(
        [
            acl_rules(["ping", "publish", "client|setname", "sentinel"], channels=HELLO),
            *(f"-sentinel|{change}" for change in _CHANGES),
        ]
    ),
}
"""What they may do at a Sentinel."""
PRIMARY: Final = "primary"
"""Name by which the Sentinels know the replicated Valkey."""
REPLICATION_PASSWORD: Final = OwnPassword(
    user=REPLICATION, sends={"config|set": "CONFIG SET masterauth"}
)
"""Of a replica at its primary."""
SENTINEL_PASSWORD: Final = OwnPassword(
    user=SENTINELS,
    sends={
        "sentinel|config": "SENTINEL CONFIG SET sentinel-pass",
        "sentinel|set": f"SENTINEL SET {PRIMARY} auth-pass",
    },
)
"""Of a Sentinel at the other Sentinels and at each Valkey."""
ASKING: Final = acl_rules(["ping", "sentinel|masters"])
"""What a server may do at a Sentinel: ask who the primary is."""
SENTINEL_FOLDER: Final = "/etc/sentinel"
SENTINEL_RESOURCES: Final = Resources(
    cpu="50m", memory="64Mi", cpu_limit="250m", memory_limit="128Mi"
)


@dataclass(frozen=True, kw_only=True)
class Replication:
    """Names and Secrets of a Valkey with replicas.

    Attributes:
        name: of the StatefulSet, from which the pods have their names.
        service: the headless Service that gives each pod a DNS name.
        replicas: number of pods.
        replication_secret, sentinel_secret: Secrets with the ``password`` of the two users.
        ca_secret: Secret with ``ca.crt``, which signs the pods' certificates.
        tls_secret: Secret with ``tls.crt`` and ``tls.key``, for the names of all pods.
    """

    name: str
    service: str
    replicas: int
    replication_secret: SecretName
    sentinel_secret: SecretName
    ca_secret: SecretName
    tls_secret: SecretName

    @property
    def users(self) -> list[ValkeyUser]:
        """The users of the pods themselves."""
        secrets = {REPLICATION: self.replication_secret, SENTINELS: self.sentinel_secret}
        return [ValkeyUser(name=name, secret=secret) for name, secret in secrets.items()]

    @property
    def authority(self) -> SecretFiles:
        """The CA of the other pods' certificates."""
        return SecretFiles(secret=self.ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",))

    def start(self) -> str:
        """Shell lines that find the primary, run Valkey, and hand over before it stops."""
        return render("valkey-replication.sh.j2", **self._values(REPLICATION))

    def sentinel_start(self) -> str:
        """Shell lines that write the configuration of a Sentinel."""
        return render("sentinel.sh.j2", folder=SENTINEL_FOLDER, **self._values(SENTINELS))

    def _values(self, user: str) -> dict[str, object]:
        return {
            "pods": self.name,
            "service": self.service,
            "numbers": " ".join(map(str, range(self.replicas))),
            "majority": self.replicas // 2 + 1,
            "password": f"{USERS_PATH}/{user}/{PASSWORD}",
        }


def sentinel_container(
    image: pulumi.Input[Image],
    replication: Replication,
    users: Sequence[ValkeyUser],
    claim: Claim,
) -> Container:
    """The Sentinel of a pod; the services of ``users`` may ask it for the primary."""
    lines = users_file(replication.users, SENTINEL_RULES)
    asking = users_file(users, dict.fromkeys((user.name for user in users), ASKING))
    script = users_script(folder=SENTINEL_FOLDER, port=SENTINEL, own=SENTINEL_PASSWORD)
    run = "exec valkey-server /data/sentinel.conf --sentinel\n"
    start = f"set -eu\n{script}{replication.sentinel_start()}{run}"
    return Container(
        name="sentinel",
        image=image,
        command=["sh", f"{SENTINEL_FOLDER}/start.sh"],
        ports=[Port(name="sentinel", number=SENTINEL, service=SENTINEL)],
        probes=Probes(
            readiness=Probe(port=SENTINEL, period=5),
            liveness=Probe(port=SENTINEL, period=30),
        ),
        resources=SENTINEL_RESOURCES,
        files=[
            Files(
                name="valkey-sentinel-config",
                path=SENTINEL_FOLDER,
                content={
                    "sentinel.conf": text("sentinel.conf"),
                    "primary.conf": text("sentinel-primary.conf"),
                    "users": lines + asking,
                    "start.sh": start,
                },
            )
        ],
        secrets=[
            *(user.files() for user in (*replication.users, *users)),
            SecretFiles(
                secret=replication.tls_secret, path=INTERNAL_TLS_PATH, keys=("tls.crt", "tls.key")
            ),
            replication.authority,
        ],
        claims=[claim],
    )
