"""OpenBao and External Secrets as pods of the local node, each in a namespace of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from components.kubernetes.container import (
    Claim,
    Container,
    Files,
    Port,
    Probe,
    Probes,
    SecretFiles,
)
from components.kubernetes.exposure import Exposure
from components.kubernetes.flow import FlowPolicies, FlowPoliciesArgs
from components.kubernetes.labels import selector
from components.kubernetes.namespace import LockedNamespace, LockedNamespaceArgs
from components.kubernetes.party import Flow, Neighbour
from components.kubernetes.resources import Resources
from components.kubernetes.workload import Rollout, Workload, WorkloadArgs, WorkloadKind
from graph.manifests import manifests
from graph.recorder import record

from ..kubectl import Object
from .names import (
    AUDIENCE,
    CONTROLLER,
    IMAGES,
    NAMESPACE,
    OPENBAO,
    OPERATOR,
    OPERATOR_ACCOUNT,
    PORT,
    SEAL,
    SEAL_KEY,
)

API_SERVER: Final = ("10.96.0.1/32", "10.250.0.2/32")
"""Of the local node: the Service ``kubernetes``, and the API server behind it."""
TLS: Final = "openbao-tls"
AUTHORITY: Final = "openbao-ca"
CONFIG: Final = Path(__file__).with_name("openbao.hcl")
RBAC: Final = Path(__file__).with_name("rbac.yaml")
_WHERE: Final = {"tls": "/etc/openbao-tls", "ca": "/etc/openbao-ca", "seal": "/etc/openbao-seal"}
_METRICS: Final = 8080


def objects(images: Mapping[str, str]) -> list[Object]:
    """Everything that runs, in the order of application.

    Args:
        images: for each name of ``IMAGES`` the reference that the node has.
    """
    graph = record(lambda: _program(images), stack="local-openbao")
    return [*_documents(RBAC), *manifests(graph).values()]


def definitions(folder: Path) -> list[Object]:
    """The custom resource definitions of a folder with those of External Secrets."""
    return [one for file in sorted(folder.glob("*.yaml")) for one in _documents(file)]


def _documents(file: Path) -> list[Object]:
    return [one for one in yaml.load_all(file.read_text(), yaml.CSafeLoader) if one]


def _program(images: Mapping[str, str]) -> None:
    store = LockedNamespace("openbao-namespace", LockedNamespaceArgs(name=NAMESPACE)).namespace
    controller = LockedNamespace(
        "external-secrets-namespace", LockedNamespaceArgs(name=CONTROLLER)
    ).namespace
    Workload(
        OPENBAO,
        WorkloadArgs(
            namespace=store,
            component="secret-store",
            containers=[_openbao(images[IMAGES[OPENBAO]])],
            replicas=1,
            kind=WorkloadKind.STATEFUL_SET,
            exposure=Exposure(name=OPENBAO),
        ),
    )
    Workload(
        CONTROLLER,
        WorkloadArgs(
            namespace=controller,
            component="controller",
            containers=[_external_secrets(images[IMAGES[CONTROLLER]])],
            replicas=1,
            # Two controllers would write the same Secrets.
            rollout=Rollout(surge=0, unavailable=1),
        ),
    )
    reads = [Flow(source=CONTROLLER, target=OPENBAO, port=PORT, why="entries")]
    for name, namespace, other, elsewhere in (
        (OPENBAO, store, CONTROLLER, CONTROLLER),
        (CONTROLLER, controller, OPENBAO, NAMESPACE),
    ):
        FlowPolicies(
            f"{name}-flows",
            FlowPoliciesArgs(
                namespace=namespace,
                workloads=[name],
                flows=reads,
                neighbours=[Neighbour(name=other, namespace=elsewhere, labels=selector(other))],
                api_server=API_SERVER,
                api_clients=[name],
            ),
        )


def _openbao(image: str) -> Container:
    healthy = Probe(port=PORT, path="/v1/sys/health", tls=True, period=2)
    return Container(
        name=OPENBAO,
        image=image,
        command=["bao", "server", "-config=/etc/openbao/openbao.hcl"],
        ports=[Port(name="api", number=PORT, service=PORT)],
        probes=Probes(
            startup=Probe(port=PORT, path=healthy.path, tls=True, period=1, failures=120),
            readiness=healthy,
            liveness=Probe(port=PORT),
        ),
        resources=Resources(memory="256Mi", memory_limit="1Gi", cpu_limit="1"),
        # For `bao` in the container, which talks to this server.
        env={"BAO_ADDR": f"https://127.0.0.1:{PORT}", "BAO_CACERT": f"{_WHERE['ca']}/ca.crt"},
        files=[
            Files(
                name="openbao-config", path="/etc/openbao", content={"openbao.hcl": configuration()}
            )
        ],
        secrets=[
            SecretFiles(secret=TLS, path=_WHERE["tls"], keys=("tls.crt", "tls.key")),
            SecretFiles(secret=AUTHORITY, path=_WHERE["ca"], keys=("ca.crt",)),
            SecretFiles(secret=SEAL, path=_WHERE["seal"], keys=(SEAL_KEY,)),
        ],
        claims=[Claim(name="data", path="/openbao", size="1Gi")],
        api_token=True,
    )


def configuration() -> str:
    """The configuration of OpenBao."""
    text = CONFIG.read_text()
    for name, value in {
        **{f"@{name.upper()}@": path for name, path in _WHERE.items()},
        "@SEAL_KEY@": SEAL_KEY,
        "@PORT@": str(PORT),
        "@NAMESPACE@": NAMESPACE,
        "@OPERATOR@": OPERATOR,
        "@OPERATOR_ACCOUNT@": OPERATOR_ACCOUNT,
        "@AUDIENCE@": AUDIENCE,
    }.items():
        text = text.replace(name, value)
    return text


def _external_secrets(image: str) -> Container:
    return Container(
        name=CONTROLLER,
        image=image,
        command=[
            "external-secrets",
            f"--metrics-addr=:{_METRICS}",
            "--loglevel=info",
            "--concurrent=4",
            # A store that was not there yet is asked again soon.
            "--store-requeue-interval=10s",
        ],
        ports=[Port(name="metrics", number=_METRICS)],
        probes=Probes(
            startup=Probe(port=_METRICS, period=1, failures=120),
            readiness=Probe(port=_METRICS),
            liveness=Probe(port=_METRICS),
        ),
        resources=Resources(memory="128Mi", memory_limit="512Mi"),
        api_token=True,
    )
