"""Programs of monitoring that run as one pod and serve one port over TLS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pulumi

from ..base.arg_types import ByteSize
from ..kubernetes.container import Claim, Container, Files, Port, Probe, Probes, SecretFiles
from ..kubernetes.exposure import Exposure, IpFamilies
from ..kubernetes.pod_settings import PodSettings, SecretKey
from ..kubernetes.resources import Resources
from ..kubernetes.workload import WorkloadArgs, WorkloadKind
from ..mcp.server_config import INTERNAL_TLS_PATH


class PodArgs(Protocol):
    """The args that components of such programs have in common."""

    @property
    def namespace(self) -> pulumi.Input[str]:
        """Of the pod."""
        ...

    @property
    def image(self) -> pulumi.Input[str]:
        """Of the program."""
        ...

    @property
    def tls_secret(self) -> str:
        """Secret with ``tls.crt`` and ``tls.key``, mounted at ``INTERNAL_TLS_PATH``."""
        ...

    @property
    def resources(self) -> Resources:
        """Of the program."""
        ...

    @property
    def ip_families(self) -> IpFamilies:
        """See Exposure."""
        ...

    @property
    def pods(self) -> PodSettings:
        """Settings of the pod."""
        ...


class VolumeArgs(Protocol):
    """The args of components whose program keeps data."""

    @property
    def size(self) -> ByteSize:
        """Of the volume."""
        ...

    @property
    def storage_class(self) -> str | None:
        """None for the cluster's default."""
        ...

    @property
    def protect(self) -> bool:
        """Refuse to delete the volume."""
        ...


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a program of monitoring is started with.

    Attributes:
        name: of the workload and the container.
        command: program and arguments.
        port: that it serves over TLS; its Service has the same.
        healthy: path that says whether it must be restarted.
        ready: path that says whether it answers requests.
        checks: command in the container for each of these paths, where the program answers nobody
            without a login; empty: the kubelet asks.
        start_period: seconds between two startup probes.
        start_failures: startup probes after which it is restarted.
        grace: seconds that it has to end.
        files: its configuration.
        secrets: keys of Secrets besides its certificate.
        volume: where it keeps data; None: it keeps none.
        writable: directories besides /tmp whose files are lost with the pod.
        component: label of its objects.
        port_name: of the port.
        api_token: whether it calls the API server.
        metrics: port besides, at which it serves metrics over HTTP; None: none.
    """

    name: str
    command: Sequence[str]
    port: int
    healthy: str
    ready: str
    checks: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    start_period: int = 2
    start_failures: int = 60
    grace: int
    files: Sequence[Files] = ()
    secrets: Sequence[SecretFiles] = ()
    volume: Claim | None = None
    writable: Sequence[str] = ()
    component: str = "monitoring"
    port_name: str = "web"
    api_token: bool = False
    metrics: int | None = None


def data_volume(args: VolumeArgs, path: str) -> Claim:
    """The volume of a program that keeps data in one directory."""
    return Claim(
        name="data",
        path=path,
        size=args.size,
        storage_class=args.storage_class,
        protect=args.protect,
    )


def single_pod(program: Program, args: PodArgs) -> WorkloadArgs:
    """The workload: a StatefulSet if the program has a volume, else a Deployment."""
    return WorkloadArgs(
        namespace=args.namespace,
        component=program.component,
        containers=[_container(program, args)],
        name=program.name,
        replicas=1,
        kind=WorkloadKind.STATEFUL_SET if program.volume else WorkloadKind.DEPLOYMENT,
        exposure=Exposure(ip_families=args.ip_families),
        grace=program.grace,
        metrics_port=program.metrics,
        pods=args.pods,
    )


def _container(program: Program, args: PodArgs) -> Container:
    def probe(path: str, period: int = 10, failures: int = 3) -> Probe:
        if command := program.checks.get(path):
            return Probe(command=command, period=period, failures=failures)
        return Probe(port=program.port, path=path, tls=True, period=period, failures=failures)

    certificate = SecretFiles(
        secret=args.tls_secret, path=INTERNAL_TLS_PATH, keys=("tls.crt", "tls.key")
    )
    return Container(
        name=program.name,
        image=args.image,
        command=program.command,
        ports=[
            Port(name=program.port_name, number=program.port, service=program.port),
            *([Port(name="metrics", number=program.metrics)] if program.metrics else []),
        ],
        probes=Probes(
            startup=probe(program.ready, program.start_period, program.start_failures),
            readiness=probe(program.ready),
            liveness=probe(program.healthy),
        ),
        resources=args.resources,
        files=program.files,
        secrets=[certificate, *program.secrets],
        claims=[program.volume] if program.volume else [],
        writable=program.writable,
        api_token=program.api_token,
    )


def files_of(keys: Sequence[SecretKey], folder: str) -> list[SecretFiles]:
    """The keys as files, each Secret in a folder of its name."""
    found: dict[str, list[str]] = {}
    for each in dict.fromkeys(keys):
        found.setdefault(each.secret, []).append(each.key)
    return [
        SecretFiles(secret=name, path=f"{folder}/{name}", keys=names)
        for name, names in found.items()
    ]
