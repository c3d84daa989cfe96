"""Three changes of the stack prod, as examples of reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from graph.recorder import record
from graph.resource_graph import ResourceGraph
from graph.stack_yaml import read_stack_file
from review.diff import diff
from review.preview import Comparison
from review.risk import risks
from stacks.program import main

PROD: Final = Path(__file__).resolve().parents[1] / "Pulumi.prod.yaml"
_DIGEST: Final = "0" * 64


@dataclass(frozen=True, kw_only=True)
class ExampleChange:
    """One change.

    Attributes:
        base: the name of the commit before it.
        edit: changes the sections of the stack file.
    """

    base: str
    edit: Callable[[dict[str, Any]], object]


def _release(prod: dict[str, Any]) -> None:
    """A new image of the server, more storage, more instances."""
    for images in (prod["images"], prod["containers"]["aws"], prod["containers"]["gcp"]):
        key = "server" if "server" in images else "image"
        images[key] = images[key].replace(_DIGEST, "1" * 64)
    prod["data"]["databaseSize"] = "200Gi"
    prod["containers"]["azure"]["minInstances"] = 4
    prod["serverless"]["gcp"]["logRetentionDays"] = 90


def _without_azure(prod: dict[str, Any]) -> None:
    """One cloud is removed, and a peer gets a wider address range."""
    for section in ("clouds", "serverless", "containers"):
        prod[section].pop("azure")
    prod["network"]["qudagPeers"] = ["203.0.113.0/24", "198.51.100.0/24"]
    prod["data"]["protect"] = False


def _another_server(prod: dict[str, Any]) -> None:
    """A server of another team is added, in a larger quota; tool calls may take longer."""
    prod["kubernetes"]["quota"] |= {"limitsCpu": "41", "limitsMemory": "80Gi", "services": 20}
    prod["servers"] = {"weather": {"image": f"ghcr.io/acme/weather-mcp:2@sha256:{'2' * 64}"}}
    prod["protocol"]["longestToolSeconds"] = 90


CHANGES: Final[Mapping[str, ExampleChange]] = {
    "release": ExampleChange(base="v1.4.0", edit=_release),
    "without-azure": ExampleChange(base="v1.4.0", edit=_without_azure),
    "another-server": ExampleChange(base="v1.4.0", edit=_another_server),
}
"""By the name of their pictures."""


@cache
def prod() -> ResourceGraph:
    """The stack as it is."""
    return _recorded(_sections())


def compared(name: str) -> Comparison:
    """The change ``name`` as a preview sees it."""
    changed = _sections()
    CHANGES[name].edit(changed)
    found = diff(prod(), _recorded(changed))
    commit = "0123456789abcdef0123456789abcdef01234567"
    return Comparison(base=CHANGES[name].base, commit=commit, diff=found, risks=risks(found))


def _sections() -> dict[str, Any]:
    stated = read_stack_file(PROD)
    return {key.removeprefix("qudag-mcp:"): value for key, value in stated.items()}


def _recorded(sections: Mapping[str, Any]) -> ResourceGraph:
    config = {k: v if isinstance(v, str) else json.dumps(v) for k, v in sections.items()}
    return record(main, stack="prod", config=config)
