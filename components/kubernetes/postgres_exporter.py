"""The exporter of PostgreSQL's metrics, a container in its pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import Image, SecretName
from ..mcp.data_tier import POSTGRES
from .container import Container, Port, SecretFiles
from .resources import EXPORTER_RESOURCES, Resources
from .templates import text

MONITOR: Final = "qudag_monitor"
"""Role of the exporter, a member of ``pg_monitor`` and of nothing else."""
POSTGRES_EXPORTER_PORT: Final = 9187
PASSWORD_PATH: Final = "/etc/exporter"  # noqa: S105  (a directory)
SHARED_PATH: Final = "/exporter"
SHARED: Final = {SHARED_PATH: "1Mi"}
"""Directory in which PostgreSQL's start script writes the password file of the exporter."""


@dataclass(frozen=True, kw_only=True)
class PostgresExporter:
    """The exporter beside PostgreSQL.

    Attributes:
        image: postgres_exporter, which reads its settings from variables named ``DATA_SOURCE_…``.
        secret: Secret with the key ``password`` of its role, ``qudag_monitor``.
        resources: of the exporter.
    """

    image: pulumi.Input[Image]
    secret: SecretName
    resources: Resources = EXPORTER_RESOURCES

    @property
    def files(self) -> SecretFiles:
        """The password, which PostgreSQL's start script sets and hands to the exporter."""
        return SecretFiles(secret=self.secret, path=PASSWORD_PATH, keys=("password",))

    def rule(self, database: str) -> str:
        """The line of pg_hba.conf that lets the exporter in, from its own pod alone."""
        return f"hostssl {database} {MONITOR} 127.0.0.1/32 scram-sha-256\n"

    def start(self) -> str:
        """Shell lines that create its role."""
        return text("postgres-monitor.sh")

    def container(self, database: str) -> Container:
        """The exporter. Without probes: a pod must not lose clients because its exporter fails."""
        return Container(
            name="exporter",
            image=self.image,
            command=[],
            ports=[Port(name="metrics", number=POSTGRES_EXPORTER_PORT)],
            resources=self.resources,
            env={
                # On the pod's loopback, where only this PostgreSQL listens: its certificate has
                # other names. 9187 is the exporter's default port.
                "DATA_SOURCE_NAME": (
                    f"postgresql://{MONITOR}@127.0.0.1:{POSTGRES}/{database}?sslmode=require"
                ),
                # Its driver reads this file for each connection: a rotated password is taken up.
                "PGPASSFILE": f"{SHARED_PATH}/pgpass",
                "PG_EXPORTER_WEB_LISTEN_ADDRESS": f":{POSTGRES_EXPORTER_PORT}",
            },
            shared=SHARED,
        )
