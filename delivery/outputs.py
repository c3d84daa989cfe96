"""The outputs and records of a deployed stack, with load balancer addresses filled in."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from components.base.problems import Problem, ProblemReport

from . import process
from .kubectl import Kubectl, Object
from .stack_identity import StackIdentity
from .state_folders import write_atomically

_TOKEN = re.compile(r"address-of\.([a-z0-9-]+)\.([a-z0-9-]+)")
FILE = "outputs.json"
RECORD_FILE = "begun.json"
FORWARDED_PORT = 8443
BALANCER_SECONDS = 30.0


@dataclass(frozen=True)
class EntryService:
    """The Service through which clients connect to a platform.

    Attributes:
        address: of its load balancer; None if the cluster assigns none.
    """

    namespace: str
    service: str
    address: str | None

    def forwarding(self, kubectl: Kubectl, port: int = FORWARDED_PORT) -> list[str]:
        """The command that forwards a port of ``localhost`` to the Service."""
        argv = kubectl.argv(
            "port-forward", f"--namespace={self.namespace}", f"service/{self.service}"
        )
        return [*(str(part) for part in argv), f"{port}:443"]


def entry_service(outputs: Mapping[str, Any], kubectl: Kubectl) -> EntryService | None:
    """Wait for the address of the Service that the outputs refer to; None if they have none."""
    found = _TOKEN.search(json.dumps(outputs))
    if found is None:
        return None
    namespace, service = found.groups()
    deadline = time.monotonic() + BALANCER_SECONDS
    while True:
        things = kubectl.objects("service", service, f"-n={namespace}")
        address = _address(things[0]) if things else None
        is_balancer = bool(things) and things[0]["spec"].get("type") == "LoadBalancer"
        if address or not is_balancer or time.monotonic() > deadline:
            return EntryService(namespace, service, address)
        time.sleep(0.5)


def waiting_for_address(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs that contain a placeholder for a load balancer address."""
    return {name: value for name, value in outputs.items() if _TOKEN.search(json.dumps(value))}


def _address(service: Object) -> str | None:
    balancer = service.get("status", {}).get("loadBalancer", {})
    for ingress in balancer.get("ingress", ()):
        if found := ingress.get("ip") or ingress.get("hostname"):
            return found
    return None


def resolved(outputs: Mapping[str, Any], entry: EntryService | None) -> dict[str, Any]:
    """Replace the placeholder by the load balancer's address, or by a forwarded local port."""
    if entry is None:
        return dict(outputs)
    address = entry.address or f"localhost:{FORWARDED_PORT}"
    return json.loads(_TOKEN.sub(address, json.dumps(outputs)))


@dataclass(frozen=True)
class DeploymentRecord:
    """The engine and the cluster of an ``up``, recorded before it changes anything.

    Attributes:
        engine: ``pulumi`` or ``kubectl``.
        cluster: ``context``, ``kind`` or ``node``.
        context: the kubeconfig context, if the cluster is the user's.
    """

    engine: str
    cluster: str
    context: str

    @property
    def request(self) -> str:
        """The value of ``CLUSTER`` that selects the same cluster."""
        return f"context:{self.context}" if self.cluster == "context" else self.cluster

    def write(self, folder: Path) -> None:
        write_atomically(folder / RECORD_FILE, json.dumps(self.__dict__) + "\n")

    @classmethod
    def find(cls, folder: Path) -> DeploymentRecord | None:
        known = _known(folder / RECORD_FILE, cls)
        return cls(**known) if known else None


@dataclass(frozen=True)
class Deployed:
    """The record of a successful ``up`` that other commands read; it contains no secret.

    Attributes:
        outputs: the stack's outputs, with real addresses.
        cluster: ``context``, ``kind`` or ``node``.
        context: the kubeconfig context, if the cluster is the user's.
        forwarded_service: namespace and name of the Service whose port must be forwarded; None if
            it has an address.
        ca_file: the CA of the gateway's certificate; None for a public CA.
    """

    outputs: dict[str, Any]
    cluster: str
    context: str
    forwarded_service: tuple[str, str] | None = None
    ca_file: str | None = None

    @property
    def request(self) -> str:
        """The value of ``CLUSTER`` that selects the same cluster."""
        return f"context:{self.context}" if self.cluster == "context" else self.cluster

    def public(self) -> dict[str, Any]:
        """The outputs for users and scripts, without those that only this program reads."""
        shown = {key: value for key, value in self.outputs.items() if key != "required_secrets"}
        return shown | ({"ca_file": self.ca_file} if self.ca_file else {})

    def write(self, folder: Path) -> None:
        write_atomically(folder / FILE, json.dumps(self.__dict__, indent=2, sort_keys=True) + "\n")

    @classmethod
    def read(cls, folder: Path, stack: StackIdentity) -> Deployed:
        """The record of the stack's last ``up``; raises a ``ProblemReport`` if there is none."""
        found = cls.find(folder)
        if found is None:
            raise ProblemReport(
                [
                    Problem(
                        f"stack {stack.name}",
                        "it is not deployed",
                        "there is no platform to call",
                        stack.command("up"),
                    )
                ]
            )
        return found

    @classmethod
    def find(cls, folder: Path) -> Deployed | None:
        known = _known(folder / FILE, cls)
        if known is None:
            return None
        service = known.pop("forwarded_service", None)
        return cls(**known, forwarded_service=tuple(service) if service else None)


def _known(file: Path, of: type[DeploymentRecord | Deployed]) -> dict[str, Any] | None:
    """Read a record; None if the file is absent or is not such a record.

    Unknown fields are ignored, because another version of this program may have written it.
    """
    try:
        written: object = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(written, dict):
        return None
    stated = cast("dict[str, Any]", written)
    required = {field.name for field in fields(of) if field.default is MISSING}
    if not required <= set(stated):
        return None
    return {field.name: stated[field.name] for field in fields(of) if field.name in stated}


@contextmanager
def reachable(url: str, deployed: Deployed, kubectl: Kubectl) -> Generator[str]:
    """The URL to use for ``url`` within the block: itself, or a port that is forwarded."""
    if deployed.forwarded_service is None or urlsplit(url).hostname != "localhost":
        yield url
        return
    entry = EntryService(*deployed.forwarded_service, address=None)
    argv = entry.forwarding(kubectl)
    argv[-1] = ":443"  # any free local port
    with process.background(argv) as lines:
        for line in lines:
            if found := re.search(r"127\.0\.0\.1:(\d+)", line):
                yield url.replace(f"localhost:{FORWARDED_PORT}", f"localhost:{found[1]}")
                return
    raise ProblemReport(
        [
            Problem(
                f"service {entry.namespace}/{entry.service}",
                "no connection: there is no load balancer, and forwarding a port failed",
                "the platform cannot be called from here",
                " ".join(entry.forwarding(kubectl)),
            )
        ]
    )
