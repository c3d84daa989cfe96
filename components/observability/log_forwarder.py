"""Writes the lines that collectors send to Elasticsearch or OpenSearch, and deletes old ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import pulumi

from ..base.arg_types import DataStream, DnsLabel, Image, Line, SecretName, Url, Word
from ..base.component import Component
from ..base.constraints import Range
from ..base.forms import URL
from ..base.inputs import applied, is_pending
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..base.refusal import refuse
from ..kubernetes.container import Container, Files, SecretFiles
from ..kubernetes.exposure import IpFamilies
from ..kubernetes.job import CronJob, CronJobArgs
from ..kubernetes.pod_settings import PodSettings, SecretKey
from ..kubernetes.resources import Resources
from ..kubernetes.workload import Workload
from ..mcp.config_forms import CONFIG_PATH
from ..mcp.server_config import INTERNAL_CA_PATH, INTERNAL_TLS_PATH, METRICS, PROGRAM
from .single_pod import Program, files_of, single_pod

LOG_FORWARDER: Final = "log-forwarder"
LOG_RETENTION: Final = "log-retention"
LOG_FORWARDER_PORT: Final = 4318
STORE_SECRETS: Final = "/etc/log-store-secrets"
"""Folder with a folder for each Secret."""
RESOURCES: Final = Resources(cpu="100m", memory="128Mi", cpu_limit="1", memory_limit="512Mi")
_JOB: Final = Resources(cpu="50m", memory="64Mi", cpu_limit="200m", memory_limit="192Mi")
KeptDays = Annotated[
    int, Range(least=1, most=3650, consequence="lines would be deleted at once, or kept for ever")
]


@dataclass(frozen=True, kw_only=True)
class StoreLogin:
    """A login to Elasticsearch or OpenSearch.

    Attributes:
        key: key with the password of ``user``, or the token.
        user: None: ``key`` has a token.
        scheme: what precedes the token in the header ``Authorization``.
    """

    key: SecretKey
    user: Word | None = None
    scheme: Literal["ApiKey", "Bearer"] = "ApiKey"


@dataclass(frozen=True, kw_only=True)
class LogIndexes:
    """An Elasticsearch or OpenSearch, and the data streams in it.

    Attributes:
        kind: decides the type of the field ``attributes``: ``flattened`` or ``flat_object``.
        url: its URL. One that is known during a deployment only is checked then.
        index: data stream of all lines but security events.
        security_index: data stream of security events.
        ca: key with the CA that signs its certificate; None: a public one.
    """

    kind: Literal["elasticsearch", "opensearch"]
    url: pulumi.Input[Url]
    index: DataStream = "qudag-mcp-logs"
    security_index: DataStream = "qudag-mcp-security"
    ca: SecretKey | None = None


@dataclass(frozen=True, kw_only=True)
class LogRetention:
    """Makes the data streams with their mapping, and deletes indexes that are old.

    Attributes:
        login: may make index templates and data streams, begin a new index, and delete old ones.
        days: age of the newest line of an index after which it is deleted.
        schedule: five fields, in UTC. Lines wait until the first run has made the streams.
        pods: settings of the pods.
    """

    login: StoreLogin
    days: KeptDays = 90
    schedule: Line = "*/10 * * * *"
    pods: PodSettings = field(default_factory=PodSettings)


@dataclass(frozen=True, kw_only=True)
class LogForwarderArgs:
    """Args of ``LogForwarder``.

    Attributes:
        namespace: of the forwarder.
        image: of the reference server.
        store: where lines are written.
        login: may append documents to the two data streams, and nothing else.
        retention: of the data streams.
        tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the name
            ``log-forwarder-service.<namespace>.svc``.
        ca_secret: Secret with ``ca.crt``, which signs that certificate; the CronJob verifies it
            when it reports a run to the forwarder.
        resources: of the forwarder.
        ip_families: see Exposure.
        pods: settings of the forwarder's pod.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    store: LogIndexes
    login: StoreLogin
    retention: LogRetention
    tls_secret: SecretName
    ca_secret: SecretName
    resources: Resources = RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> list[Problem]:
        """One index for all lines, and one login for writing and deleting."""
        problems: list[Problem] = []
        if self.store.index == self.store.security_index:
            problems.append(
                Problem(
                    "store.security_index",
                    f"is {self.store.index}, as index is",
                    "whoever may read log lines could read security events",
                    "give security events an index of their own",
                )
            )
        if self.login.key == self.retention.login.key:
            problems.append(
                Problem(
                    "retention.login.key",
                    "is that of the forwarder as well",
                    "whoever takes over the forwarder could delete log lines",
                    "give the forwarder a login that may only append",
                )
            )
        return problems


class LogForwarder(Component[LogForwarderArgs]):
    """A Deployment that takes OTLP over TLS, its Service, and the CronJob of the retention.

    The forwarder keeps no lines: a collector has its answer when they are stored. It has metrics at
    port 9090, the age of the last run of the job that succeeded too.

    Attributes:
        host: DNS name of its Service, which listens on port 4318.
    """

    args_type = LogForwarderArgs

    host: pulumi.Output[str]

    def build(self, args: LogForwarderArgs) -> None:
        forwarder, retention = single_pod(_program(args), args), _retention(args)
        self.host = Workload(self.named(LOG_FORWARDER), forwarder, opts=self.owned()).host
        CronJob(self.named(LOG_RETENTION), retention, opts=self.owned())

    @classmethod
    def manifests(cls, name: str, args: LogForwarderArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        forwarder = single_pod(_program(args), args)
        return [
            *Workload.manifests(f"{name}-{LOG_FORWARDER}", forwarder),
            *CronJob.manifests(f"{name}-{LOG_RETENTION}", _retention(args)),
        ]


def _program(args: LogForwarderArgs) -> Program:
    listen = {
        "listen": {
            "port": LOG_FORWARDER_PORT,
            "metrics_port": METRICS,
            "cert": f"{INTERNAL_TLS_PATH}/tls.crt",
            "key": f"{INTERNAL_TLS_PATH}/tls.key",
        },
    }

    def content(url: str) -> str:
        return _toml({**listen, "store": _store(args.store, url, args.login)})

    return Program(
        name=LOG_FORWARDER,
        command=[PROGRAM, "forward-logs", "--config", f"{CONFIG_PATH}/{LOG_FORWARDER}.toml"],
        port=LOG_FORWARDER_PORT,
        healthy="/health",
        ready="/health",
        grace=30,
        files=[_configuration(LOG_FORWARDER, applied(content, args.store.url))],
        secrets=_secrets(args.store, args.login),
        component="logging",
        port_name="otlp",
        metrics=METRICS,
    )


def _retention(args: LogForwarderArgs) -> CronJobArgs:
    retention = args.retention

    def content(store: str, namespace: str) -> str:
        url = f"https://{LOG_FORWARDER}-service.{namespace}.svc:{LOG_FORWARDER_PORT}"
        return _toml(
            {
                "store": _store(args.store, store, retention.login),
                "retention": {"days": retention.days},
                "forwarder": {"url": url, "ca_file": f"{INTERNAL_CA_PATH}/ca.crt"},
            }
        )

    ca = SecretFiles(secret=args.ca_secret, path=INTERNAL_CA_PATH, keys=("ca.crt",))
    container = Container(
        name="retention",
        image=args.image,
        command=[PROGRAM, "log-retention", "--config", f"{CONFIG_PATH}/{LOG_RETENTION}.toml"],
        resources=_JOB,
        files=[_configuration(LOG_RETENTION, applied(content, args.store.url, args.namespace))],
        secrets=[*_secrets(args.store, retention.login), ca],
    )
    return CronJobArgs(
        namespace=args.namespace,
        component="logging",
        containers=[container],
        schedule=retention.schedule,
        deadline=300,
        retries=1,
        name=LOG_RETENTION,
        pods=retention.pods,
    )


def _configuration(name: str, content: pulumi.Input[str]) -> Files:
    return Files(name=f"{name}-config", path=CONFIG_PATH, content={f"{name}.toml": content})


def _toml(sections: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(sections)


def _store(store: LogIndexes, url: str, login: StoreLogin) -> dict[str, Any]:
    """The section ``[store]`` of both programs."""
    if is_pending(store.url) and (problem := URL.problem("store.url", url)):
        refuse([problem])
    file = _path(login.key)
    return {
        "kind": store.kind,
        "url": url,
        "index": store.index,
        "security_index": store.security_index,
        **({"ca_file": _path(store.ca)} if store.ca else {}),
        **(
            {"user": login.user, "password_file": file}
            if login.user
            else {"token_file": file, "scheme": login.scheme}
        ),
    }


def _secrets(store: LogIndexes, login: StoreLogin) -> list[SecretFiles]:
    return files_of([login.key, *([store.ca] if store.ca else [])], STORE_SECRETS)


def _path(key: SecretKey) -> str:
    return f"{STORE_SECRETS}/{key.secret}/{key.key}"
