"""A blackbox_exporter of the platform's own, which asks the gateway as a client would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pulumi

from ..base.arg_types import DnsLabel, Domain, Image, SecretName
from ..base.component import Component
from ..base.kubernetes_object import Manifest
from ..base.problems import Problem
from ..kubernetes.container import SecretFiles
from ..kubernetes.exposure import IpFamilies
from ..kubernetes.pod_settings import PodSettings, SecretKey
from ..kubernetes.resources import Resources
from ..kubernetes.workload import Workload, WorkloadArgs
from ..mcp.era import Era
from ..mcp.target import MCP_PATH, METADATA_PATH
from .probes import ProbedTool, ProbeToken, TokenProbes, blackbox_config
from .single_pod import Program, files_of, single_pod
from .web_config import prometheus_files, prometheus_flags

BLACKBOX_EXPORTER: Final = "blackbox-exporter"
PORT: Final = 9115
CONFIG: Final = "/etc/blackbox"
CA_FOLDER: Final = "/etc/public-ca"
SECRETS: Final = "/etc/probe-secrets"
"""Folder in which each Secret for tokens has a folder of its name."""
RESOURCES: Final = Resources(cpu="50m", memory="64Mi", cpu_limit="200m", memory_limit="128Mi")


@dataclass(frozen=True, kw_only=True)
class BlackboxExporterArgs:
    """Args of ``BlackboxExporter``.

    Attributes:
        namespace: of the exporter.
        image: blackbox_exporter 0.27 or newer, which evaluates CEL expressions.
        domain: name under which clients know the platform.
        tls_secret: Secret with ``tls.crt`` and ``tls.key`` for the name
            ``blackbox-exporter-service.<namespace>.svc``.
        ca: key with the CA that signs the certificate for ``domain``; None: the
            public CAs of the image.
        token: how probes get a token; None: they have none.
        tool: tool that a probe with a token calls; None: no tool is called.
        era: of the server; with ``legacy`` no probe may have a token.
        resources: of the exporter.
        ip_families: see Exposure.
        pods: settings of the pod.
    """

    namespace: pulumi.Input[DnsLabel]
    image: pulumi.Input[Image]
    domain: Domain
    tls_secret: SecretName
    ca: SecretKey | None = None
    token: ProbeToken | None = None
    tool: ProbedTool | None = None
    era: Era = "dual"
    resources: Resources = RESOURCES
    ip_families: IpFamilies = "PreferDualStack"
    pods: PodSettings = field(default_factory=PodSettings)

    def refusals(self) -> Iterator[Problem]:
        """A tool that no probe could call, and tokens for a server of sessions."""
        if self.tool is not None and self.token is None:
            yield Problem(
                "token",
                "is missing, and tool is set",
                "each call would be answered with 401",
                "set token, or leave tool out",
            )
        if self.token is not None and self.era == "legacy":
            yield Problem(
                "era",
                "is legacy, and token is set",
                "each probe would begin a session and never end it: the server answers 429 to a "
                "user with too many sessions",
                "leave token and tool out, or serve the era dual",
            )


class BlackboxExporter(Component[BlackboxExporterArgs]):
    """A blackbox_exporter with the modules ``unauthorized`` and ``metadata``, and its Service.

    With a token it also has ``discovery``, and with a tool ``tool-call``. Its API is served over
    TLS. Network policies must let it connect to the gateway, and to the issuer of the token.

    Attributes:
        host: DNS name of its Service, which listens on port 9115.
    """

    args_type = BlackboxExporterArgs

    host: pulumi.Output[str]

    def build(self, args: BlackboxExporterArgs) -> None:
        self.host = Workload(self.name, _workload(args), opts=self.owned()).host

    @classmethod
    def manifests(cls, name: str, args: BlackboxExporterArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        return Workload.manifests(name, _workload(args))


def _workload(args: BlackboxExporterArgs) -> WorkloadArgs:
    base = f"https://{args.domain}"
    key = args.ca
    asked = blackbox_config(
        f"{base}{MCP_PATH}",
        f"{base}{METADATA_PATH}{MCP_PATH}",
        args.domain,
        f"{CA_FOLDER}/{key.key}" if key else None,
        _asked(args),
    )
    program = Program(
        name=BLACKBOX_EXPORTER,
        command=["blackbox_exporter", *prometheus_flags(CONFIG, "blackbox.yml", PORT)],
        port=PORT,
        healthy="/-/healthy",
        ready="/-/healthy",
        grace=15,
        files=[prometheus_files(BLACKBOX_EXPORTER, CONFIG, {"blackbox.yml": asked})],
        secrets=[
            *([SecretFiles(secret=key.secret, path=CA_FOLDER, keys=(key.key,))] if key else []),
            *files_of(_keys_of_tokens(args), SECRETS),
        ],
    )
    return single_pod(program, args)


def _keys_of_tokens(args: BlackboxExporterArgs) -> list[SecretKey]:
    token = args.token
    return [key for key in (token.client_secret, token.ca) if key] if token else []


def _asked(args: BlackboxExporterArgs) -> TokenProbes | None:
    token = args.token
    if token is None:
        return None
    secret, signed = token.client_secret, token.ca
    return TokenProbes(
        token=token,
        secret_file=f"{SECRETS}/{secret.secret}/{secret.key}",
        ca_file=f"{SECRETS}/{signed.secret}/{signed.key}" if signed else None,
        tool=args.tool,
    )
