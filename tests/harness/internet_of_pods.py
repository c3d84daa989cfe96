"""Serves HTTPS and DNS on this machine to pods of the local node, in place of the internet."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from delivery.kubectl import Kubectl
from delivery.process import run

from .certificates import Authority
from .deployed_platform import Platform

PUBLIC: Final = "203.0.114.7"
"""An address outside of private ranges, which this machine has during these tests."""
MACHINE: Final = "10.250.0.1"
"""The machine's private address on its link to the node."""
LINK: Final = "qnode0"

Attempts = dict[str, tuple[str, str, str | None]]
"""Attempts of tests/harness/connection_attempts.py, by a name of the caller's choice."""
_PROGRAM: Final = Path(__file__).with_name("connection_attempts.py").read_text()


@dataclass
class Internet:
    """HTTPS at a public and at a private address of this machine, and a resolver.

    Attributes:
        names: the server name of each finished TLS handshake.
    """

    tls: ssl.SSLContext
    names: list[str | None] = field(default_factory=list[str | None])

    def __post_init__(self) -> None:
        self.tls.sni_callback = lambda _, name, __: self.names.append(name)

    def https(self, listener: socket.socket) -> None:
        """Answer each connection; ends when the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                threading.Thread(target=self._answer, args=(plain,), daemon=True).start()

    def _answer(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError):
            plain.settimeout(10)
            with self.tls.wrap_socket(plain, server_side=True) as wrapped:
                wrapped.recv(4096)
                wrapped.sendall(b"HTTP/1.0 200 OK\r\n\r\noutside")

    def resolver(self, listener: socket.socket) -> None:
        """Answer each datagram; ends when the socket is closed."""
        with contextlib.suppress(OSError):
            while True:
                listener.sendto(b"answer", listener.recvfrom(100)[1])


@contextlib.contextmanager
def internet(platform: Platform, folder: Path, names: Mapping[str, str]) -> Generator[Internet]:
    """The machine as the internet of the node's pods while the block runs.

    Args:
        platform: on the local node.
        folder: for its certificate, which is for the first of the names.
        names: what the cluster's DNS answers, by name; and nothing else below their domains.
    """
    if platform.deployed.cluster != "node":
        pytest.skip("only pods of the local node have this machine as their internet")
    authority = Authority.at(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("outside", [next(iter(names))]))
    outside = Internet(tls)
    with contextlib.ExitStack() as opened:
        assert run(["ip", "address", "add", f"{PUBLIC}/32", "dev", LINK]).status == 0
        opened.callback(run, ["ip", "address", "delete", f"{PUBLIC}/32", "dev", LINK])
        for where in ((PUBLIC, 443), (PUBLIC, 8443), (PUBLIC, 53), (MACHINE, 443)):
            listener = opened.enter_context(socket.create_server(where))
            threading.Thread(target=outside.https, args=(listener,), daemon=True).start()
        datagrams = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind((PUBLIC, 53))
        threading.Thread(target=outside.resolver, args=(datagrams,), daemon=True).start()
        opened.enter_context(_names_resolve(platform.kubectl, names))
        yield outside


@contextlib.contextmanager
def _names_resolve(kubectl: Kubectl, names: Mapping[str, str]) -> Generator[None]:
    """Add the names to the cluster's DNS while the block runs."""
    (before,) = kubectl.objects("configmap/coredns", "-n=kube-system")
    domains: dict[str, str] = {}
    for name, address in names.items():
        domain = ".".join(name.split(".")[-2:])
        answer = f'template IN A {name} {{\n  answer "{{{{ .Name }}}} 5 IN A {address}"\n}}\n'
        domains[domain] = domains.get(domain, "") + answer
    empty = "template ANY ANY {\n  rcode NOERROR\n}\n"
    corefile = before["data"]["Corefile"]
    served = [f"{name}:53 {{\nerrors\n{answers}{empty}}}\n" for name, answers in domains.items()]
    _serve(kubectl, "\n".join([corefile, *served]))
    try:
        yield
    finally:
        _serve(kubectl, corefile)


def _serve(kubectl: Kubectl, corefile: str) -> None:
    """Let the cluster's DNS read another configuration now, not when it next looks."""
    patch = json.dumps({"data": {"Corefile": corefile}})
    kubectl.must("patch", "configmap/coredns", "-n=kube-system", "--type=merge", f"--patch={patch}")
    kubectl.must("rollout", "restart", "deployment/coredns", "-n=kube-system")
    kubectl.must(
        "rollout", "status", "deployment/coredns", "-n=kube-system", "--timeout=120s", timeout=130
    )


@contextlib.contextmanager
def free_pod(kubectl: Kubectl, image: str) -> Generator[tuple[str, str]]:
    """The namespace and name of a pod of this image that no policy selects."""
    where = ("default", "no-policy")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": where[1], "namespace": where[0]},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "server", "image": image, "command": ["sleep", "3600"]}],
        },
    }
    kubectl.must("apply", "-f", "-", stdin=json.dumps(pod))
    named = (f"-n={where[0]}", f"pod/{where[1]}")
    try:
        kubectl.must("wait", *named, "--for=condition=Ready", "--timeout=120s", timeout=130)
        yield where
    finally:
        kubectl.must("delete", *named, timeout=90)


def reached(kubectl: Kubectl, namespace: str, pod: str, attempts: Attempts) -> set[str]:
    """Which of the attempts succeed in the pod's container `server`."""
    where = (f"-n={namespace}", pod, "-c=server", "-i")
    command = ("python3", "-", json.dumps(attempts))
    return set(
        json.loads(kubectl.must("exec", *where, "--", *command, stdin=_PROGRAM, timeout=180))
    )
