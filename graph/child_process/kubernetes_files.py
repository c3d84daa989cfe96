"""Reads a program's Kubernetes YAML files, as the Kubernetes provider would.

The objects of charts, kustomizations and remote files are unknown: they need other tools or the
network. The preview lists these charts and files.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import pulumi
import yaml

from .assumptions import Note

DECODE: Final = "kubernetes:yaml:decode"
_MODULE: Final = "pulumi_kubernetes.yaml.yaml"
_ELSEWHERE: Final = "# not read: "


class _Json(yaml.SafeLoader):
    """A YAML loader that reads dates as text, as Kubernetes does."""


_Json.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:timestamp"]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def objects(text: str) -> list[Any]:
    """The Kubernetes objects of a YAML text."""
    return [one for one in yaml.load_all(text, _Json) if one]


def install(note: Note) -> None:
    """Keeps the SDK from fetching remote files; passes their addresses to ``note``."""
    component: Any = pulumi.ComponentResource
    plain = component.__init__

    def init(self: Any, kind: str, name: str, *given: Any, **named: Any) -> None:
        plain(self, kind, name, *given, **named)
        module: Any = sys.modules.get(_MODULE)
        if kind == "kubernetes:yaml:ConfigFile" and module is not None:
            module._read_url = unread

    def unread(url: str) -> str:
        note(url, "this file is not fetched: its objects are not shown")
        return f"{_ELSEWHERE}{url}\n"

    component.__init__ = init
