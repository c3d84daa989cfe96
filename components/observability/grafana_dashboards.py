"""Dashboards as ConfigMaps, which a Grafana in the cluster finds by their label."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import pulumi

from ..base.arg_types import DnsLabel, Document, LabelKey, LabelValue, Text
from ..base.component import Component
from ..base.kubernetes_object import Manifest, metadata, register
from ..base.problems import Problem
from ..kubernetes.labels import label_problems, labels
from ..kubernetes.placed_files import LARGEST

COMPONENT: Final = "dashboards"
LABEL: Final = "grafana_dashboard"
"""The label that the sidecar of Grafana's chart looks for (S4)."""
FOLDER: Final = "grafana_folder"
"""The annotation that names a dashboard's folder for the sidecar."""
UID: Final = re.compile(r"[a-zA-Z0-9_-]{1,40}")
"""What Grafana takes as a uid."""


@dataclass(frozen=True, kw_only=True)
class GrafanaDashboardsArgs:
    """Args of ``GrafanaDashboards``.

    Attributes:
        namespace: of the ConfigMaps.
        dashboards: the JSON of each dashboard, as Grafana exports it, by its name.
        labels: labels by which Grafana finds the ConfigMaps.
        folder: value of the annotation ``grafana_folder``, for a sidecar with
            ``folderAnnotation: grafana_folder``; None: no annotation.
    """

    namespace: pulumi.Input[DnsLabel]
    dashboards: Mapping[DnsLabel, Document]
    labels: Mapping[LabelKey, LabelValue] = field(default_factory=lambda: {LABEL: "1"})
    folder: Text | None = None

    def refusals(self) -> list[Problem]:
        """Problems of the dashboards, and labels that the component sets itself."""
        problems = list(dashboard_problems(self.dashboards))
        if not self.labels:
            problems.append(
                Problem(
                    "labels",
                    "is empty",
                    "Grafana would not find the dashboards",
                    f'leave it out, which sets {LABEL}: "1", or name the label that it looks for',
                )
            )
        problems += label_problems(self.labels)
        return problems


def dashboard_problems(dashboards: Mapping[str, str]) -> Iterator[Problem]:
    if not dashboards:
        yield Problem(
            "dashboards",
            "is empty",
            "the component would make no dashboard",
            "list dashboards, or leave the component out",
        )
    uids: dict[Any, str] = {}
    for name, text in dashboards.items():
        path = f"dashboards.{name}"
        if len(text.encode()) > LARGEST:
            yield Problem(
                path,
                f"has {len(text.encode())} bytes",
                "the API server refuses a ConfigMap of more than 1 MiB",
                "split it into several dashboards",
            )
        try:
            page: Any = json.loads(text)
        except ValueError:
            page = None
        stated: Mapping[str, Any] = (
            cast("Mapping[str, Any]", page) if isinstance(page, dict) else {}
        )
        if not stated.get("title") or not stated.get("uid"):
            yield Problem(
                path,
                "is no JSON of a dashboard with a title and a uid",
                "Grafana would refuse it, or give it another address at each start",
                "write what Grafana exports: an object with title, uid and panels",
            )
            continue
        if not isinstance(stated["uid"], str) or not UID.fullmatch(stated["uid"]):
            yield Problem(
                path,
                f"has the uid {stated['uid']!r}",
                "Grafana would refuse it, and no file can have its name",
                "write letters, digits, - and _, at most 40",
            )
            continue
        if stated["uid"] in uids:
            yield Problem(
                path,
                f"has the uid of {uids[stated['uid']]}, {stated['uid']}",
                "Grafana would show only one of them",
                "give each a uid of its own",
            )
        uids.setdefault(stated["uid"], name)


class GrafanaDashboards(Component[GrafanaDashboardsArgs]):
    """A ConfigMap for each dashboard, with a file named as its uid.

    A Grafana with the dashboards' sidecar must run in the cluster, and look into the namespace.
    """

    args_type = GrafanaDashboardsArgs

    def build(self, args: GrafanaDashboardsArgs) -> None:
        for manifest in self.manifests(self.name, args):
            register(self, manifest)

    @classmethod
    def manifests(cls, name: str, args: GrafanaDashboardsArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        del name
        annotations = {"annotations": {FOLDER: args.folder}} if args.folder else {}
        return [
            Manifest(
                kind="ConfigMap",
                role=f"{page}-dashboard",
                metadata=metadata(
                    f"dashboard-{page}",
                    namespace=args.namespace,
                    labels={**labels(f"dashboard-{page}", COMPONENT), **args.labels},
                )
                | annotations,
                # The sidecar writes the files of all namespaces into one folder.
                fields={"data": {f"{json.loads(text)['uid']}.json": text}},
            )
            for page, text in args.dashboards.items()
        ]
