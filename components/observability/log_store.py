"""VictoriaLogs of the platform's own, which keeps the lines that collectors send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import pulumi

from ..base.arg_types import ByteSize
from ..base.component import Component
from ..base.constraints import Range
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..base.quantities import quantity
from ..kubernetes.workload import Workload, WorkloadArgs
from ..mcp.server_config import INTERNAL_TLS_PATH
from .single_pod import Program, data_volume, single_pod
from .store_args import StoreArgs
from .store_sizes import LINES

LOG_STORE: Final = "log-store"
LOG_STORE_PORT: Final = 9428
FILLED: Final = 0.8
"""Share of the volume that log lines may fill."""
_DATA: Final = "/data"
LogDays = Annotated[
    int, Range(least=1, most=3650, consequence="VictoriaLogs would not start, or keep nothing")
]


@dataclass(frozen=True, kw_only=True)
class LogStoreArgs(StoreArgs):
    """Args of ``LogStore``.

    Attributes:
        image: VictoriaLogs 1.
        tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the name
            ``log-store-service.<namespace>.svc``.
        retention_days: after which lines are deleted.
        size: of the volume. The oldest days are deleted earlier when 80 % of it are full.
    """

    retention_days: LogDays = 90
    size: ByteSize = "20Gi"

    def refusals(self) -> list[Problem]:
        """Problems of the size."""
        return list(LINES.problems("size", self.size))


class LogStore(Component[LogStoreArgs]):
    """A VictoriaLogs with a volume and its Service, which listens on port 9428 with TLS.

    It asks for no login: network policies must say who may connect. Security events are in project
    1, all other lines in project 0 (header ``ProjectID``).

    Attributes:
        host: DNS name of its Service.
    """

    args_type = LogStoreArgs

    host: pulumi.Output[str]

    def build(self, args: LogStoreArgs) -> None:
        self.host = Workload(self.named(LOG_STORE), _workload(args), opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: LogStoreArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        return Workload.manifests(f"{name}-{LOG_STORE}", _workload(args))


def _workload(args: LogStoreArgs) -> WorkloadArgs:
    most = int(quantity(args.size) * int(FILLED * 100) / 100)
    program = Program(
        name=LOG_STORE,
        command=[
            "/victoria-logs-prod",
            f"-storageDataPath={_DATA}",
            f"-retentionPeriod={args.retention_days}d",
            f"-retention.maxDiskSpaceUsageBytes={most}",
            f"-httpListenAddr=:{LOG_STORE_PORT}",
            "-enableTCP6",
            "-tls",
            "-tlsMinVersion=TLS12",
            f"-tlsCertFile={INTERNAL_TLS_PATH}/tls.crt",
            f"-tlsKeyFile={INTERNAL_TLS_PATH}/tls.key",
            "-loggerFormat=json",
        ],
        port=LOG_STORE_PORT,
        port_name="https",
        healthy="/health",
        ready="/health",
        start_period=5,
        grace=60,
        volume=data_volume(args, _DATA),
        component="logging",
    )
    return single_pod(program, args)
