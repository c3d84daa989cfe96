"""Runbooks as a ConfigMap, so that kubectl is enough to read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from ..base.arg_types import DnsLabel, Text, Word
from ..base.component import Component
from ..base.kubernetes_object import Manifest, metadata, register
from ..base.problems import Problem
from ..kubernetes.labels import labels
from ..kubernetes.placed_files import LARGEST
from .rules.alert import CONFIG_MAP

COMPONENT: Final = "monitoring"


@dataclass(frozen=True, kw_only=True)
class RunbooksArgs:
    """Args of ``Runbooks``.

    Attributes:
        namespace: of the ConfigMap.
        pages: the text of each page by the name of its alert.
    """

    namespace: pulumi.Input[DnsLabel]
    pages: Mapping[Word, Text]

    def refusals(self) -> list[Problem]:
        """No page, empty ones, and more than a ConfigMap holds."""
        problems: list[Problem] = []
        if not self.pages:
            problems.append(
                Problem(
                    "pages",
                    "is empty",
                    "the component would make no runbook",
                    "list pages, or leave the component out",
                )
            )
        problems += [
            Problem(
                f"pages.{name}",
                "is empty",
                "who is called by the alert would find an empty page",
                "write what to do, or leave it out",
            )
            for name, text in self.pages.items()
            if not text.strip()
        ]
        size = sum(len(name) + len(text.encode()) for name, text in self.pages.items())
        if size > LARGEST:
            problems.append(
                Problem(
                    "pages",
                    f"has {size} bytes",
                    "the API server refuses a ConfigMap of more than 1 MiB",
                    "shorten the pages, or use several components in several namespaces",
                )
            )
        return problems


class Runbooks(Component[RunbooksArgs]):
    """A ConfigMap ``runbooks`` with a key for each alert.

    ``kubectl get configmap runbooks --output=jsonpath={.data.ALERT}`` prints a page.
    """

    args_type = RunbooksArgs

    def build(self, args: RunbooksArgs) -> None:
        for manifest in self.manifests(self.name, args):
            register(self, manifest)

    @classmethod
    def manifests(cls, name: str, args: RunbooksArgs) -> list[Manifest]:
        """Every object that a component of this name and args registers."""
        del name
        return [
            Manifest(
                kind="ConfigMap",
                role="pages",
                metadata=metadata(
                    CONFIG_MAP, namespace=args.namespace, labels=labels(CONFIG_MAP, COMPONENT)
                ),
                fields={"data": dict(args.pages)},
            )
        ]
