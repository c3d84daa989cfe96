"""A Grafana of the platform's own, beside its Prometheus, with the dashboards of the platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pulumi

from ..base.arg_types import DnsLabel, Document, Image, SecretName
from ..base.component import Component
from ..base.inputs import applied
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..kubernetes.container import Files, SecretFiles
from ..kubernetes.exposure import IpFamilies
from ..kubernetes.pod_settings import PodSettings
from ..kubernetes.resources import Resources
from ..kubernetes.workload import Workload, WorkloadArgs
from ..mcp.server_config import INTERNAL_CA_PATH
from . import prometheus_config
from .grafana_config import (
    ADMIN,
    CONFIG,
    DATA,
    LOGIN,
    PAGES,
    PASSWORD,
    PORT,
    PROVISIONING,
    SECRET_KEY,
    SIGN_IN,
    dashboard_provider,
    data_sources,
    grafana_ini,
)
from .grafana_dashboards import dashboard_problems
from .grafana_sign_in import GrafanaSignIn
from .prometheus_config import PROMETHEUS
from .single_pod import Program, files_of, single_pod
from .targets import ServiceTarget

GRAFANA: Final = "grafana"
HOME: Final = "/usr/share/grafana"
RESOURCES: Final = Resources(cpu="100m", memory="256Mi", cpu_limit="1", memory_limit="1Gi")


@dataclass(frozen=True, kw_only=True)
class GrafanaArgs:
    """Args of ``Grafana``.

    Attributes:
        namespace: of Grafana, and of the Services that it reads.
        image: Grafana 13, with the data sources that its image has: not its variant ``slim``.
        dashboards: the JSON of each dashboard, as Grafana exports it, by its name.
        admin_secret: Secret with ``secret-key``, with which Grafana signs and encrypts, and
            without ``sign_in`` also ``password``, of the user ``admin``.
        tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the name
            ``grafana-service.<namespace>.svc``.
        ca_secret: Secret with ``ca.crt``, which signs the certificates of the data sources.
        prometheus: Service of the Prometheus.
        prometheus_login: Secret with ``username`` and ``password`` for it; None: it requires none.
        traces: Service of a Jaeger; None: there is no data source of traces.
        sign_in: how people sign in at an authorization server; None: as ``admin``.
        resources: of Grafana.
        ip_families: see Exposure.
        pods: settings of the pod.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    dashboards: Mapping[DnsLabel, Document]
    admin_secret: SecretName
    tls_secret: SecretName
    ca_secret: SecretName
    prometheus: ServiceTarget = field(
        default_factory=lambda: ServiceTarget(name=PROMETHEUS, port=prometheus_config.PORT)
    )
    prometheus_login: SecretName | None = None
    traces: ServiceTarget | None = None
    sign_in: GrafanaSignIn | None = None
    resources: Resources = RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """Problems of the dashboards and the data sources."""
        return [*dashboard_problems(self.dashboards), *self._same_sources()]

    def _same_sources(self) -> Iterator[Problem]:
        if self.traces and self.traces.name == self.prometheus.name:
            yield Problem(
                "traces.name",
                f"is {self.traces.name}, as that of prometheus",
                "Grafana would show only one of them",
                "name the Service of the Jaeger, or leave traces out",
            )


class Grafana(Component[GrafanaArgs]):
    """A Grafana with its data sources and dashboards from files, and its Service.

    It is served over TLS, and asks everyone for a login. Its database is lost with the pod. Network
    policies must let it connect to the data sources, and with ``sign_in`` to the authorization
    server.

    Attributes:
        host: DNS name of its Service, which listens on port 3000.
    """

    args_type = GrafanaArgs

    host: pulumi.Output[str]

    def build(self, args: GrafanaArgs) -> None:
        self.host = Workload(self.name, _workload(args), opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: GrafanaArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        return Workload.manifests(name, _workload(args))


def _workload(args: GrafanaArgs) -> WorkloadArgs:
    login, sign_in = args.prometheus_login, args.sign_in
    logins = [SecretFiles(secret=login, path=LOGIN, keys=("username", "password"))] if login else []
    keys = [key for key in (sign_in.client_secret, sign_in.ca) if key] if sign_in else []
    of_admin = (SECRET_KEY,) if sign_in else (PASSWORD, SECRET_KEY)
    program = Program(
        name=GRAFANA,
        command=[
            f"{HOME}/bin/grafana",
            "server",
            f"--homepath={HOME}",
            f"--config={CONFIG}/grafana.ini",
            "--packaging=docker",
        ],
        port=PORT,
        healthy="/api/health",
        ready="/api/health",
        start_period=5,
        grace=30,
        files=_files(args),
        secrets=[
            SecretFiles(secret=args.ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",)),
            SecretFiles(secret=args.admin_secret, path=ADMIN, keys=of_admin),
            *logins,
            *files_of(keys, SIGN_IN),
        ],
        writable=(DATA,),
    )
    return single_pod(program, args)


def _files(args: GrafanaArgs) -> list[Files]:
    def sources(namespace: str) -> str:
        login = args.prometheus_login is not None
        return data_sources(namespace, args.prometheus, args.traces, login=login)

    written = {
        f"{GRAFANA}-config": (
            CONFIG,
            "grafana.ini",
            grafana_ini(traces=args.traces is not None, sign_in=args.sign_in),
        ),
        f"{GRAFANA}-data-sources": (
            f"{PROVISIONING}/datasources",
            "platform.yaml",
            applied(sources, args.namespace),
        ),
        f"{GRAFANA}-provider": (
            f"{PROVISIONING}/dashboards",
            "platform.yaml",
            dashboard_provider(),
        ),
        # A ConfigMap holds 1 MiB: each dashboard has its own.
        **{
            f"{GRAFANA}-dashboard-{name}": (f"{PAGES}/{name}", f"{name}.json", text)
            for name, text in args.dashboards.items()
        },
    }
    return [
        Files(name=name, path=path, content={file: text})
        for name, (path, file, text) in written.items()
    ]
