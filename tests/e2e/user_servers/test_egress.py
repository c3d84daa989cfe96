"""On real pods, a server reaches the hosts in its list through the egress proxy, and no other."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from delivery.kubectl import Kubectl
from delivery.process import run
from tests.harness.certificates import Authority
from tests.harness.deployed_platform import Platform
from tests.harness.server import until

PUBLIC: Final = "203.0.114.7"
"""An address that policies take for one of the internet; during these tests this machine has it."""
MACHINE: Final = "10.250.0.1"
"""The machine's private address on its link to the node."""
LINK: Final = "qnode0"
ADDRESSES: Final = {
    "api": PUBLIC,
    "files": PUBLIC,
    "other": PUBLIC,
    "inside": MACHINE,
    "metadata": "169.254.169.254",
    "kubernetes": "10.96.0.1",
}
"""What names below example.com resolve to."""
PROGRAM: Final = Path(__file__).with_name("attempts.py").read_text()

Attempts = dict[str, tuple[str, str, str | None]]

ALLOWED: Final[Attempts] = {
    "by the environment variable": ("url", "https://api.example.com/", None),
    "by CONNECT": ("proxy", "api.example.com:443", "api.example.com"),
}
THROUGH_THE_PROXY: Final[Attempts] = {
    "another name of the same address": ("proxy", "other.example.com:443", "other.example.com"),
    "a name below": ("proxy", "a.api.example.com:443", "a.api.example.com"),
    "the domain above": ("proxy", "example.com:443", "example.com"),
    "the host of another server": ("proxy", "files.example.com:443", "files.example.com"),
    "another port": ("proxy", "api.example.com:8443", "api.example.com"),
    "the port of plain HTTP": ("proxy", "api.example.com:80", "-"),
    "the host's address": ("proxy", f"{PUBLIC}:443", "api.example.com"),
    "the address as a number": (
        "proxy",
        f"{int(ipaddress.ip_address(PUBLIC))}:443",
        "api.example.com",
    ),
    "the address as one of IPv6": ("proxy", f"[::ffff:{PUBLIC}]:443", "api.example.com"),
    "an address of IPv6": ("proxy", "[2001:4860:4860::8888]:443", "api.example.com"),
    "another server name in TLS": ("proxy", "api.example.com:443", "other.example.com"),
    "no server name in TLS": ("proxy", "api.example.com:443", None),
    "no TLS": ("proxy", "api.example.com:443", "-"),
    "a listed name of a private address": ("proxy", "inside.example.com:443", "inside.example.com"),
    "a listed name of the metadata address": (
        "proxy",
        "metadata.example.com:443",
        "metadata.example.com",
    ),
    "a listed name of the API server": (
        "proxy",
        "kubernetes.example.com:443",
        "kubernetes.example.com",
    ),
    "the metadata address": ("proxy", "169.254.169.254:80", "-"),
    "a private address": ("proxy", f"{MACHINE}:443", "api.example.com"),
    "the API server by name": ("proxy", "kubernetes.default.svc:443", "kubernetes"),
    "the API server by address": ("proxy", "10.96.0.1:443", "kubernetes"),
    "the API server on the node": ("proxy", "10.250.0.2:6443", "kubernetes"),
    "another server of the platform": ("proxy", "notes-service:8443", "notes-service"),
}
PAST_THE_PROXY: Final[Attempts] = {
    "the host by name": ("direct", "api.example.com:443", None),
    "the host by address": ("direct", f"{PUBLIC}:443", None),
    "a resolver outside": ("datagram", f"{PUBLIC}:53", None),
    "a resolver outside, over TCP": ("direct", f"{PUBLIC}:53", None),
    "a private address": ("direct", f"{MACHINE}:443", None),
    "the API server by address": ("direct", "10.96.0.1:443", None),
    "the API server on the node": ("direct", "10.250.0.2:6443", None),
}
"""What any pod without a policy reaches."""
NOWHERE: Final[Attempts] = {
    "the metadata address": ("direct", "169.254.169.254:80", None),
    "an address of IPv6": ("direct", "[2001:4860:4860::8888]:443", None),
    "another server of the platform": ("direct", "notes-service:8443", None),
}


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


@pytest.fixture(scope="module")
def internet(own: Platform, tmp_path_factory: pytest.TempPathFactory) -> Generator[Internet]:
    """The machine as the internet of the node's pods, and names for it in the cluster's DNS."""
    if own.deployed.cluster != "node":
        pytest.skip("only pods of the local node have this machine as their internet")
    authority = Authority.at(tmp_path_factory.mktemp("authority"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("outside", ["api.example.com"]))
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
        opened.enter_context(names_resolve(own.kubectl))
        yield outside


@contextlib.contextmanager
def names_resolve(kubectl: Kubectl) -> Generator[None]:
    """Add the names to the cluster's DNS while the block runs."""
    (before,) = kubectl.objects("configmap/coredns", "-n=kube-system")
    answers = "".join(
        f'template IN A {name}.example.com {{\n  answer "{{{{ .Name }}}} 5 IN A {address}"\n}}\n'
        for name, address in ADDRESSES.items()
    )
    empty = "template ANY ANY {\n  rcode NOERROR\n}\n"
    corefile = before["data"]["Corefile"]
    serve(kubectl, f"{corefile}\nexample.com:53 {{\nerrors\n{answers}{empty}}}\n")
    try:
        yield
    finally:
        serve(kubectl, corefile)


def serve(kubectl: Kubectl, corefile: str) -> None:
    """Let the cluster's DNS read another configuration now, not when it next looks."""
    patch = json.dumps({"data": {"Corefile": corefile}})
    kubectl.must("patch", "configmap/coredns", "-n=kube-system", "--type=merge", f"--patch={patch}")
    kubectl.must("rollout", "restart", "deployment/coredns", "-n=kube-system")
    kubectl.must(
        "rollout", "status", "deployment/coredns", "-n=kube-system", "--timeout=120s", timeout=130
    )


@pytest.fixture(scope="module")
def free_pod(own: Platform) -> Generator[tuple[str, str]]:
    """The namespace and name of a pod that no policy selects, with the image of weather."""
    (weather,) = own.pods("weather")
    (server,) = (one for one in weather["spec"]["initContainers"] if one["name"] == "server")
    where = ("default", "no-policy")
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": where[1], "namespace": where[0]},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {"name": "server", "image": server["image"], "command": ["sleep", "3600"]}
            ],
        },
    }
    own.kubectl.must("apply", "-f", "-", stdin=json.dumps(pod))
    named = (f"-n={where[0]}", f"pod/{where[1]}")
    try:
        own.kubectl.must("wait", *named, "--for=condition=Ready", "--timeout=120s", timeout=130)
        yield where
    finally:
        own.kubectl.must("delete", *named, timeout=90)


def reached(own: Platform, namespace: str, pod: str, attempts: Attempts) -> set[str]:
    """Which of the attempts succeed in the pod's container `server`."""
    where = (f"-n={namespace}", pod, "-c=server", "-i")
    command = ("python3", "-", json.dumps(attempts))
    return set(
        json.loads(own.kubectl.must("exec", *where, "--", *command, stdin=PROGRAM, timeout=180))
    )


def reached_by_weather(own: Platform, attempts: Attempts) -> set[str]:
    (pod,) = own.pods("weather")
    return reached(own, own.namespace, pod["metadata"]["name"], attempts)


def test_a_listed_host_is_reached_through_the_proxy(own: Platform, internet: Internet):
    before = len(internet.names)
    # The pod of the DNS that was replaced may still have told the proxy that there is no such name.
    until(lambda: reached_by_weather(own, ALLOWED) == {*ALLOWED}, 60)
    assert len(internet.names) >= before + len(ALLOWED)
    assert {*internet.names[before:]} == {"api.example.com"}


def test_no_other_host_is_reached_through_the_proxy(own: Platform, internet: Internet):
    before = len(internet.names)
    assert len(THROUGH_THE_PROXY) > 20
    assert reached_by_weather(own, THROUGH_THE_PROXY) == set()
    assert internet.names[before:] == []
    until(lambda: "other.example.com:443" in log_of_the_proxy(own), 30)


def log_of_the_proxy(own: Platform) -> str:
    where = (f"-n={own.namespace}", "deployment/egress-proxy")
    return own.kubectl.must("logs", *where, "--tail=200")


def test_a_server_that_ignores_the_proxy_reaches_nothing(
    own: Platform, internet: Internet, free_pod: tuple[str, str]
):
    assert reached(own, *free_pod, PAST_THE_PROXY) == {*PAST_THE_PROXY}
    before = len(internet.names)
    assert reached_by_weather(own, PAST_THE_PROXY | NOWHERE) == set()
    assert internet.names[before:] == []


def test_no_server_connects_to_the_port_of_another_at_the_proxy(own: Platform, internet: Internet):
    del internet
    (notes,) = own.pods("notes")
    (server,) = (one for one in notes["spec"]["initContainers"] if one["name"] == "server")
    (url,) = (one["value"] for one in server["env"] if one["name"] == "HTTPS_PROXY")
    attempt: Attempts = {"port of notes": ("direct", url.removeprefix("http://"), None)}
    assert reached_by_weather(own, attempt) == set()
    where = (own.namespace, notes["metadata"]["name"])
    assert reached(own, *where, attempt) == {*attempt}
