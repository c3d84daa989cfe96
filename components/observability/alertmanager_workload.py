"""An Alertmanager of the platform's own, beside its Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi

from ..base.arg_types import ByteSize, DnsLabel, Document, Image, ObjectName, SecretName
from ..base.component import Component
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..kubernetes.exposure import IpFamilies
from ..kubernetes.pod_settings import PodSettings
from ..kubernetes.resources import Resources
from ..kubernetes.workload import Workload, WorkloadArgs
from ..mcp.secret_key import SecretKey
from .rule_file import alertmanager_file_problems
from .single_pod import Program, data_volume, files_of, single_pod
from .store_sizes import SILENCES
from .web_config import prometheus_files, prometheus_flags

ALERTMANAGER: Final = "alertmanager"
PORT: Final = 9093
CONFIG: Final = "/etc/alertmanager"
SECRETS: Final = "/etc/alertmanager-secrets"
"""Folder in which each Secret of the receivers has a folder of its name."""
DATA: Final = "/alertmanager"
RESOURCES: Final = Resources(cpu="50m", memory="64Mi", cpu_limit="500m", memory_limit="256Mi")


@dataclass(frozen=True, kw_only=True)
class AlertmanagerArgs:
    """Args of ``Alertmanager``.

    Attributes:
        namespace: of Alertmanager.
        image: Alertmanager 0.26 or newer, which reads the URLs of webhooks from files.
        config: its configuration file, in YAML or JSON. It must have no secrets: the fields that
            end with ``_file`` name files under ``/etc/alertmanager-secrets/<secret>/``.
        secrets: the keys of Secrets that these fields name.
        tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the name
            ``alertmanager-service.<namespace>.svc``.
        size: of the volume with silences, and with what was sent already.
        storage_class: of the volume; None for the cluster's default.
        protect: refuse to delete the volume.
        resources: of Alertmanager.
        ip_families: see Exposure.
        pods: settings of the pod.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    config: Document
    tls_secret: SecretName
    secrets: Sequence[SecretKey] = ()
    size: ByteSize = "1Gi"
    storage_class: ObjectName | None = None
    protect: bool = False
    resources: Resources = RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """Problems of the configuration file and of the size."""
        wrong = list(alertmanager_file_problems("config", self.config))
        return [*wrong, *SILENCES.problems("size", self.size)]


class Alertmanager(Component[AlertmanagerArgs]):
    """An Alertmanager with a volume, and its Service.

    Its API is served over TLS. Network policies must let it connect to the receivers.

    Attributes:
        host: DNS name of its Service, which listens on port 9093.
    """

    args_type = AlertmanagerArgs

    host: pulumi.Output[str]

    def build(self, args: AlertmanagerArgs) -> None:
        self.host = Workload(self.name, _workload(args), opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: AlertmanagerArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        return Workload.manifests(name, _workload(args))


def _workload(args: AlertmanagerArgs) -> WorkloadArgs:
    program = Program(
        name=ALERTMANAGER,
        command=[
            "alertmanager",
            *prometheus_flags(CONFIG, "alertmanager.yml", PORT),
            f"--storage.path={DATA}",
            "--cluster.listen-address=",  # one pod: it has no peers
        ],
        port=PORT,
        healthy="/-/healthy",
        ready="/-/ready",
        grace=30,
        files=[prometheus_files(ALERTMANAGER, CONFIG, {"alertmanager.yml": args.config})],
        secrets=files_of(args.secrets, SECRETS),
        volume=data_volume(args, DATA),
    )
    return single_pod(program, args)
