"""The pod template of workloads and jobs: hardened, with a checksum of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from ..base.arg_types import DnsLabel, LabelValue
from ..base.inputs import applied
from ..base.kubernetes_object import Manifest, metadata
from .container import NOBODY, Container, Files, Variables
from .container_spec import IDS, container_spec, volumes
from .labels import CHECKSUM, DEFAULT_CONTAINER, labels, selector
from .pod_settings import PodSettings, UserIds

POD_IDS: Final = {**IDS, "fsGroup": NOBODY}


@dataclass(frozen=True, kw_only=True)
class PodArgs:
    """Args that the pods of workloads, jobs and scheduled jobs share.

    Attributes:
        namespace: namespace of the pods.
        component: role of the pods; a label.
        containers: the main container first.
        after: resources that must exist before the first pod of a version starts, such as a
            migration.
        name: physical name, used by flows and selectors; None: the component's name.
        pods: settings of the pods.
    """

    namespace: pulumi.Input[DnsLabel]
    component: LabelValue
    containers: Sequence[Container]
    after: Sequence[pulumi.Resource] = ()
    name: DnsLabel | None = None
    pods: PodSettings = field(default_factory=PodSettings)

    def described(self, workload: str, name: pulumi.Input[str]) -> Any:
        """Metadata of an object ``name`` that belongs to ``workload``."""
        shown = labels(workload, self.component)
        return metadata(name, namespace=self.namespace, labels=shown)


def identity_name(workload: str) -> str:
    """Physical name of a workload's service account."""
    return f"{workload}-sa"


def identity(workload: str, args: PodArgs, *, role: str = "identity") -> Manifest:
    """The service account that the pods run as; it has no token and no rights in the cluster."""
    described = args.described(workload, identity_name(workload))
    if cloud := args.pods.identity:
        described["annotations"] = cloud.account_annotations
    return Manifest(
        kind="ServiceAccount",
        role=role,
        metadata=described,
        fields={"automountServiceAccountToken": False},
    )


def config_maps(workload: str, args: PodArgs) -> list[Manifest]:
    """A ConfigMap for each set of files and of variables of the containers."""
    return [
        Manifest(
            kind="ConfigMap",
            role=files.name.removeprefix(f"{workload}-"),
            metadata=args.described(workload, files.name),
            fields={"data": dict(files.content)},
        )
        for files in files_of(args.containers)
    ]


def files_of(containers: Sequence[Container]) -> list[Files | Variables]:
    """Every set of files that the containers mount, and of variables that they get, once."""
    sets = [one for c in containers for one in (*c.files, *c.env_from)]
    return list({one.name: one for one in sets}.values())


def checksum(files: Sequence[Files | Variables]) -> pulumi.Input[str]:
    """A digest that changes with any text in ``files``."""

    def digest(*contents: Mapping[str, str]) -> str:
        text = json.dumps([dict(content) for content in contents], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    return applied(digest, *(dict(f.content) for f in files))


def pod_template(
    name: str,
    component: str,
    containers: Sequence[Container],
    *,
    service_account: pulumi.Input[str],
    grace: int | None = None,
    metrics_port: int | None = None,
    extra: Mapping[str, Any] | None = None,
    settings: PodSettings = PodSettings(),  # noqa: B008  (immutable)
) -> dict[str, Any]:
    """A pod template for a Deployment, StatefulSet or Job.

    Args:
        name: the workload's name: its pods' selector.
        component: the role it plays.
        containers: the main container first.
        service_account: the identity it runs as; no token is mounted.
        grace: terminationGracePeriodSeconds, from the timeout budget.
        metrics_port: where Prometheus finds /metrics; None for no scrape annotations.
        extra: further fields of the pod spec (spread, volumes of claims, restartPolicy).
        settings: settings of the pods.
    """
    annotations: dict[str, pulumi.Input[str]] = {**settings.pod_annotations()}
    if files := files_of(containers):
        annotations[CHECKSUM] = checksum(files)
    if metrics_port is not None:
        annotations |= {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(metrics_port),
            "prometheus.io/path": "/metrics",
        }
    sidecars = [container_spec(c, settings) for c in containers if c.sidecar]
    if sidecars:
        annotations[DEFAULT_CONTAINER] = containers[0].name
    more = dict(extra or {})
    spec: dict[str, Any] = {
        "serviceAccountName": service_account,
        # Nothing in these pods calls the API server; a token would only be there to be stolen.
        "automountServiceAccountToken": False,
        # Service variables of the whole namespace are noise, and clash with a program's own.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            **(POD_IDS if settings.user_ids is UserIds.NOBODY else {}),
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"initContainers": sidecars} if sidecars else {}),
        "containers": [container_spec(c, settings) for c in containers if not c.sidecar],
        "volumes": [*volumes(containers), *more.pop("volumes", [])],
        **settings.pod_fields(),
        **more,
    }
    if grace is not None:
        spec["terminationGracePeriodSeconds"] = grace
    described: dict[str, Any] = {"labels": {**settings.pod_labels(), **labels(name, component)}}
    return {
        "metadata": described | ({"annotations": annotations} if annotations else {}),
        "spec": spec,
    }


def spread(name: str) -> list[dict[str, Any]]:
    """Over zones first and hosts second; a host may get several pods before one cannot start."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(name)},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
