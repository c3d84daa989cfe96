"""Settings of Valkey: memory, connections, users."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final

from ..base.arg_types import SecretName, ValkeySize
from ..base.constraints import Range
from ..base.problems import Problem
from ..base.quantities import quantity
from ..mcp.data_tier import CacheProfile
from .resources import Resources
from .valkey_exporter import EXPORTER, ValkeyExporter
from .valkey_replicas import OWN
from .valkey_users import RESERVED, ValkeyUser, user_problems

_UNITS: Final = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}
_SIZE: Final = re.compile(r"([0-9]+)([kmg]b)")
_SPARE: Final = {CacheProfile.SESSIONS: Decimal(2), CacheProfile.CACHE: Decimal("1.25")}
"""Memory limit over ``maxmemory``: a rewrite of the append-only file copies changed pages."""

KeepAlive = Annotated[
    int, Range(least=1, most=7200, consequence="Valkey would keep connections of lost clients")
]
ValkeyReplicas = Annotated[
    int, Range(least=1, most=5, consequence="the Sentinels could not agree on a primary")
]
IdleSeconds = Annotated[int, Range(least=0, most=86_400, consequence="Valkey would not start")]


@dataclass(frozen=True, kw_only=True)
class ValkeySettings:
    """Settings of Valkey.

    Attributes:
        memory: ``maxmemory``. The memory limit must be twice as much for sessions, because Valkey
            copies pages when it rewrites its file, and 1.25 times as much for a cache.
        keepalive: seconds between TCP keepalive probes of a silent client.
        timeout: seconds after which an idle connection is closed; 0: never. The servers' client
            then opens a new one.
        users: who may log in. None of them: the user ``default`` with all rights.
        replicas: one, or an odd number of at least three: pods with a replica and a Sentinel each,
            which replace a primary that fails.
        replication_secret, sentinel_secret: Secrets with the key ``password`` of the two users of
            the pods themselves; needed with replicas.
        ca_secret: Secret with ``ca.crt``, which signs the pods' certificates; needed with replicas.
        exporter: exports metrics at port 9121 of the pods; None: there are none.
        shared_password: keep the user ``default`` with the password ``redis-password`` beside
            ``users``, while clients of an older version run.
        resources: of the container; None: those of the data tier.
    """

    memory: ValkeySize = "256mb"
    keepalive: KeepAlive = 60
    timeout: IdleSeconds = 300
    users: Sequence[ValkeyUser] = ()
    replicas: ValkeyReplicas = 1
    replication_secret: SecretName | None = None
    sentinel_secret: SecretName | None = None
    ca_secret: SecretName | None = None
    exporter: ValkeyExporter | None = None
    shared_password: bool = False
    resources: Resources | None = None

    @property
    def has_default_user(self) -> bool:
        """Whether the user ``default`` may log in."""
        return self.shared_password or not self.users

    @property
    def _own_users(self) -> list[str]:
        exporter = [EXPORTER] if self.exporter else []
        return [*(OWN if self.replicas > 1 else ()), *exporter]

    def refusals(self) -> list[Problem]:
        """Problems with the names of users, and with replicas."""
        return [
            *user_problems(self.users, (*RESERVED, *self._own_users)),
            *replica_problems("replicas", self.replicas),
            *(
                Problem(
                    field,
                    f"is missing, and replicas is {self.replicas}",
                    "the pods could not log in to each other, or not verify who answers",
                    "name the Secret",
                )
                for field in ("replication_secret", "sentinel_secret", "ca_secret")
                if self.replicas > 1 and getattr(self, field) is None
            ),
            *(
                [
                    Problem(
                        "users",
                        f"is empty, and replicas is {self.replicas}",
                        "no service could ask the Sentinels for the primary",
                        "name a user for each service",
                    )
                ]
                if self.replicas > 1 and not self.users
                else []
            ),
        ]


def replica_problems(path: str, replicas: int) -> Iterator[Problem]:
    """A problem with a number of Sentinels that could not agree, or with none left over."""
    if replicas == 1 or (replicas >= 3 and replicas % 2):
        return
    yield Problem(
        path,
        f"is {replicas}",
        "the Sentinels of two pods cannot replace one that fails, and an even number tolerates no "
        "more failures than the odd one below",
        "set 1, 3 or 5",
    )


def memory_problem(
    memory: str, limit: str, profile: CacheProfile, *, memory_path: str, limit_path: str
) -> Problem | None:
    """A problem if Valkey would be killed before it reaches its ``maxmemory``."""
    if not _SIZE.fullmatch(memory):
        return None  # its form is refused
    needed = valkey_bytes(memory) * _SPARE[profile]
    if quantity(limit) >= needed:
        return None
    field = memory_path.rpartition(".")[2]
    return Problem(
        memory_path,
        f"is {memory}, and the memory limit of its container is {limit}",
        "the node would kill Valkey before it evicts or refuses anything",
        f"set {limit_path} to at least {mebibytes(needed)}, or lower {field}",
    )


def valkey_bytes(size: str) -> int:
    """Bytes of a size in Valkey's units, such as ``256mb``."""
    found = _SIZE.fullmatch(size)
    if found is None:
        raise ValueError(f"{size!r} is no size of Valkey")
    return int(found[1]) * _UNITS[found[2]]


def mebibytes(size: Decimal | int) -> str:
    """A Kubernetes quantity of at least so many bytes."""
    return f"{-(-int(size) // 1024**2)}Mi"
