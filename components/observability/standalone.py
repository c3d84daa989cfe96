"""A Prometheus of the platform's own, which evaluates its rules, in a namespace of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import pulumi

from ..base.arg_types import ByteSize, DnsLabel, Document, Image, ObjectName, SecretName
from ..base.component import Component
from ..base.constraints import Range
from ..base.inputs import applied
from ..base.kubernetes_object import Manifest, metadata, register
from ..base.problems import Problem
from ..base.quantities import quantity
from ..kubernetes.container import SecretFiles
from ..kubernetes.exposure import IpFamilies
from ..kubernetes.labels import labels
from ..kubernetes.pod_settings import PodSettings
from ..kubernetes.resources import Resources
from ..kubernetes.workload import Workload, WorkloadArgs
from ..mcp.server_config import INTERNAL_CA_PATH
from .prometheus_config import PORT, PROMETHEUS, basic_auth, prometheus_config, service_host
from .rule_file import rule_file_problems
from .single_pod import Program, data_volume, single_pod
from .store_sizes import METRICS
from .targets import (
    ProbedUrl,
    ScrapeSeconds,
    ScrapeTarget,
    ServiceTarget,
    blackbox_exporter_problems,
    target_problems,
)
from .web_config import WEB_CONFIG, prometheus_files, prometheus_flags

RetentionDays = Annotated[
    int, Range(least=1, most=3650, consequence="Prometheus would not start, or keep nothing")
]
CONFIG: Final = "/etc/prometheus"
DATA: Final = "/prometheus"
LOGIN: Final = "/etc/prometheus-login"
CLIENT: Final = "client.yml"
"""File by which promtool in the pod logs in."""
ROLE: Final = "qudag-mcp-prometheus"
"""Name of its Role in each namespace."""
RESOURCES: Final = Resources(cpu="100m", memory="512Mi", cpu_limit="1", memory_limit="2Gi")
FILLED: Final = 0.8
"""Share of the volume that blocks may fill; the rest is for the write-ahead log."""
_API_GROUP: Final = "rbac.authorization.k8s.io"


@dataclass(frozen=True, kw_only=True)
class StandaloneObservabilityArgs:
    """Args of ``StandaloneObservability``.

    Attributes:
        namespace: of Prometheus; another one than those of the targets.
        namespaces: those of the targets, each under a name for its resources.
        image: Prometheus 3, with discovery by the Kubernetes API.
        targets: what exports metrics.
        services: Services in the namespace of Prometheus that export metrics over TLS, with
            certificates of ``ca_secret``.
        alertmanager: Alertmanager that gets the alerts; None: Prometheus shows them only.
        blackbox_exporter: Service of a blackbox_exporter that probes ``probed``; None: nothing is
            probed.
        probed: URLs with the module of each.
        rules: recording rules and alerts: the content of a rule file of Prometheus, in YAML or
            JSON; empty: none.
        tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the name
            ``prometheus-service.<namespace>.svc``.
        ca_secret: Secret with ``ca.crt``, which signs that certificate.
        login: Secret with ``username``, ``password``, and ``web.yml``: the web configuration of
            Prometheus with the hash of that password, and with TLS from ``/etc/internal-tls``.
            None: Prometheus asks for no login.
        exemplars: keep the trace ids that servers with traces add to their histograms, in memory.
        scrape_seconds: time between two reads of a target.
        retention_days: after which values are deleted.
        size: of the volume. The oldest values are deleted earlier when 80 % of it are full.
        storage_class: of the volume; None for the cluster's default.
        protect: refuse to delete the volume.
        resources: of Prometheus.
        ip_families: see Exposure.
        pods: settings of the pod.
    """

    namespace: pulumi.Input[DnsLabel]
    namespaces: Mapping[DnsLabel, pulumi.Input[DnsLabel]]
    image: pulumi.Input[Image]
    targets: Sequence[ScrapeTarget]
    tls_secret: SecretName
    ca_secret: SecretName
    services: Sequence[ServiceTarget] = ()
    alertmanager: ServiceTarget | None = None
    blackbox_exporter: ServiceTarget | None = None
    probed: Sequence[ProbedUrl] = ()
    rules: Document = ""
    login: SecretName | None = None
    exemplars: bool = False
    scrape_seconds: ScrapeSeconds = 30
    retention_days: RetentionDays = 15
    size: ByteSize = "10Gi"
    storage_class: ObjectName | None = None
    protect: bool = False
    resources: Resources = RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """Problems of the targets, their namespaces, the rules and the size."""
        problems = list(target_problems(self.targets, self.services))
        problems += METRICS.problems("size", self.size)
        if self.rules:
            problems += rule_file_problems("rules", self.rules)
        problems += blackbox_exporter_problems(self.blackbox_exporter, self.probed)
        if not self.namespaces:
            problems.append(
                Problem(
                    "namespaces",
                    "is empty",
                    "Prometheus could list no pods, and would read nothing",
                    "name the namespaces of the targets",
                )
            )
        return problems


class StandaloneObservability(Component[StandaloneObservabilityArgs]):
    """A Prometheus with a volume, its Service, and a Role by which it lists pods.

    Its API is served over TLS. Network policies must let it connect to the API server and to the
    targets.

    Attributes:
        host: DNS name of its Service, which listens on port 9090.
    """

    args_type = StandaloneObservabilityArgs

    host: pulumi.Output[str]

    def build(self, args: StandaloneObservabilityArgs) -> None:
        for manifest in _rights(args):
            register(self, manifest)
        workload = Workload(self.named(PROMETHEUS), _workload(args), opts=self.owned())
        self.host = workload.host

    @classmethod
    def manifests(cls, name: str, args: StandaloneObservabilityArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        return [*_rights(args), *Workload.manifests(f"{name}-{PROMETHEUS}", _workload(args))]


def _rights(args: StandaloneObservabilityArgs) -> list[Manifest]:
    """A Role and its binding in each namespace: to list and watch pods, and nothing else."""
    made: list[Manifest] = []
    for name, namespace in args.namespaces.items():
        described = metadata(ROLE, namespace=namespace, labels=labels(PROMETHEUS, "monitoring"))
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
        account = {"kind": "ServiceAccount", "name": f"{PROMETHEUS}-sa"}
        made += [
            Manifest(
                kind="Role", role=f"pods-of-{name}", metadata=described, fields={"rules": rules}
            ),
            Manifest(
                kind="RoleBinding",
                role=f"pods-of-{name}-binding",
                metadata=described,
                fields={
                    "roleRef": {"apiGroup": _API_GROUP, "kind": "Role", "name": ROLE},
                    "subjects": [{**account, "namespace": args.namespace}],
                },
            ),
        ]
    return made


def _workload(args: StandaloneObservabilityArgs) -> WorkloadArgs:
    megabytes = int(quantity(args.size) * int(FILLED * 100) / 100) // 1024**2
    rules = {"rules.yml": args.rules} if args.rules else {}
    files = {"prometheus.yml": _configuration(args), **rules}
    logins: list[SecretFiles] = []
    checks: dict[str, list[str]] = {}
    if args.login:
        # The kubelet has no password, and Prometheus answers nothing without one.
        files[CLIENT] = applied(_client, args.namespace)
        keys = (WEB_CONFIG, "username", "password")
        logins = [SecretFiles(secret=args.login, path=LOGIN, keys=keys)]
        checks = {
            f"/-/{state}": [
                *("promtool", "check", state, f"--url=https://localhost:{PORT}"),
                f"--http.config.file={CONFIG}/{CLIENT}",
            ]
            for state in ("healthy", "ready")
        }
    program = Program(
        name=PROMETHEUS,
        command=[
            "prometheus",
            *prometheus_flags(CONFIG, "prometheus.yml", PORT, web=LOGIN if args.login else None),
            f"--storage.tsdb.path={DATA}",
            f"--storage.tsdb.retention.time={args.retention_days}d",
            f"--storage.tsdb.retention.size={megabytes}MB",
            *(["--enable-feature=exemplar-storage"] if args.exemplars else []),
        ],
        port=PORT,
        healthy="/-/healthy",
        ready="/-/ready",
        checks=checks,
        start_period=5,
        start_failures=120,  # it reads its write-ahead log first
        grace=60,
        files=[prometheus_files(PROMETHEUS, CONFIG, files, web=not args.login)],
        secrets=[
            SecretFiles(secret=args.ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",)),
            *logins,
        ],
        volume=data_volume(args, DATA),
        api_token=True,
    )
    return single_pod(program, args)


def _configuration(args: StandaloneObservabilityArgs) -> pulumi.Input[str]:
    def configuration(own: str, *namespaces: str) -> str:
        made = prometheus_config(
            args.targets,
            dict(enumerate(namespaces)),
            services=args.services,
            alertmanager=args.alertmanager,
            blackbox_exporter=args.blackbox_exporter,
            probed=args.probed,
            own=own,
            ca=f"{INTERNAL_CA_PATH}/ca.crt",
            scrape_seconds=args.scrape_seconds,
            rules=f"{CONFIG}/rules.yml" if args.rules else None,
            login=LOGIN if args.login else None,
        )
        return _text(made)

    spaces = [target.namespace for target in args.targets]
    return applied(configuration, args.namespace, *spaces)


def _client(namespace: str) -> str:
    """How promtool in the pod asks Prometheus."""
    host = service_host(PROMETHEUS, namespace)
    tls = {"ca_file": f"{INTERNAL_CA_PATH}/ca.crt", "server_name": host}
    return _text({"basic_auth": basic_auth(LOGIN), "tls_config": tls})


def _text(content: Any) -> str:
    """JSON, which is YAML as well."""
    return json.dumps(content, indent=1) + "\n"
