"""The pods of a Valkey with replicas, each with an address of its own on the loopback."""

from __future__ import annotations

import copy
import os
import signal
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from valkey import Valkey as Client
from valkey.exceptions import ValkeyError

from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.valkey_args import ValkeySettings
from components.kubernetes.valkey_users import ValkeyUser
from graph.resource_graph import ResourceGraph

from . import programs, record
from .certificates import Authority
from .containers import RunningContainer
from .minimal_args import data_tier
from .network import can_isolate
from .pods import Pod
from .server import until

SERVICE = "redis-service.qudag-mcp-dev.svc"
PASSWORDS = {
    "mcp-server": 'th"4t \\ 0f the s3rver',
    "replication": "th4t # of repl1cas",
    "sentinel": 'th"4t of $ent1nels',
}
VALKEY, SENTINEL = "valkey", "sentinel"
PORTS = {VALKEY: 6379, SENTINEL: 26379}


def host(number: int) -> str:
    """The DNS name of a pod."""
    return f"redis-{number}.{SERVICE}"


def address(number: int) -> str:
    return f"127.0.1.{number + 1}"


@dataclass
class Replicas:
    """Pods that can be started, killed and asked one by one.

    Attributes:
        directory: of their volumes, which outlive their processes.
        graph: of a stack in the namespace qudag-mcp-dev; None: of a data tier alone.
        running: the containers, by the pod's number and the container's name.
    """

    directory: Path
    authority: Authority
    graph: ResourceGraph | None = None
    count: int = 3
    running: dict[tuple[int, str], RunningContainer] = field(
        default_factory=dict[tuple[int, str], RunningContainer]
    )

    def __post_init__(self) -> None:
        programs.required("valkey-server", "redis-server")
        if os.geteuid() != 0 or not can_isolate():
            pytest.skip("the pods of replicas need namespaces: run as root")
        settings = ValkeySettings(
            users=[ValkeyUser(name="mcp-server", secret="mcp-valkey-mcp-server")],
            replicas=self.count,
            replication_secret="mcp-valkey-replication",
            sentinel_secret="mcp-valkey-sentinel",
            ca_secret="mcp-internal-ca",
        )
        if self.graph is None:
            self.graph = record(lambda: EmbeddedDataTier("data", data_tier(valkey=settings)))
        names = ["redis-service", SERVICE, *map(host, range(self.count))]
        certificate, key = self.authority.issue("replicas", names)
        secrets = {f"mcp-valkey-{name}": {"password": own} for name, own in PASSWORDS.items()}
        secrets["mcp-internal-tls-redis"] = {
            "tls.crt": certificate.read_text(),
            "tls.key": key.read_text(),
        }
        secrets["mcp-internal-ca"] = {"ca.crt": self.authority.ca_file.read_text()}
        self.pods = [self._pod(number, secrets) for number in range(self.count)]

    @property
    def outputs(self) -> Any:
        """The outputs of the stack."""
        assert self.graph is not None
        return self.graph.outputs

    @property
    def addresses(self) -> dict[str, str]:
        """The address of each pod, by its host name."""
        return {host(number): address(number) for number in range(self.count)}

    def _pod(self, number: int, secrets: dict[str, dict[str, str]]) -> Pod:
        assert self.graph is not None
        pod = Pod.recorded(self.graph, "redis", self.directory / str(number), secrets)
        spec: Any = copy.deepcopy(pod.spec)
        own = {"POD_NAME": f"redis-{number}", "POD_NAMESPACE": "qudag-mcp-dev"}
        for container in spec["containers"]:
            for variable in container["env"]:
                variable["value"] = variable.get("value", own.get(variable["name"]))
        pod.spec = spec
        pod.addresses = self.addresses
        for files in pod.config_maps.values():
            for name, text in files.items():
                # Of a pod all addresses are its own.
                here = text.replace("bind * -::*", f"bind {address(number)}")
                files[name] = here.replace("127.0.0.1", address(number))
        return pod

    def start(self, number: int) -> None:
        """Start both containers of a pod."""
        for name in (SENTINEL, VALKEY):
            container = RunningContainer(self.pods[number], name)
            container.start(self.pods[number].container(name)["command"])
            self.running[number, name] = container

    def start_all(self) -> int:
        """Start all pods, and wait until each Sentinel knows all others; the primary's number."""
        for number in range(self.count):
            self.start(number)
        primary = self.primary(followers=self.count - 1)
        until(lambda: all(map(self.knows_all, range(self.count))), within_seconds=60)
        return primary

    def knows_all(self, number: int) -> bool:
        """Whether the Sentinel of a pod knows all other pods."""
        said = self.ask(number, "SENTINEL", "MASTER", "primary", user="replication", of=SENTINEL)
        known = dict(zip(said[::2], said[1::2], strict=True))
        counts = [known[key] for key in ("num-slaves", "num-other-sentinels")]
        return counts == [str(self.count - 1)] * 2

    def kill(self, number: int) -> None:
        """Kill both containers of a pod by their process ids, as the loss of its node does."""
        for name in (VALKEY, SENTINEL):
            if container := self.running.pop((number, name), None):
                container.kill()

    def terminate(self, number: int) -> RunningContainer:
        """Stop both containers of a pod as the kubelet does; the one of Valkey."""
        for name in (SENTINEL, VALKEY):
            self.running[number, name].terminate()
        self.running.pop((number, SENTINEL)).exit_status()
        return self.running.pop((number, VALKEY))

    def pause(self, number: int) -> None:
        """Stop the processes of a pod without ending them, as a network partition does."""
        self._signal(number, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Let the processes of a pod go on."""
        self._signal(number, signal.SIGCONT)

    def _signal(self, number: int, sent: signal.Signals) -> None:
        for name in (VALKEY, SENTINEL):
            pid = self.running[number, name].pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for each in (pid, *map(int, children)):
                os.kill(each, sent)

    def start_absent(self) -> None:
        """Start the pods that do not run."""
        for number in range(self.count):
            if (number, VALKEY) not in self.running:
                self.start(number)

    def close(self) -> None:
        """Kill all pods."""
        for number in range(self.count):
            self.kill(number)

    def log(self, number: int, container: str = VALKEY) -> str:
        return self.running[number, container].log

    def ask(self, number: int, *words: str, user: str = "mcp-server", of: str = VALKEY) -> Any:
        """The answer of a pod to a command; raises `ValkeyError`."""
        client: Any = Client(
            host=address(number),
            port=PORTS[of],
            username=user or None,
            password=PASSWORDS.get(user),
            ssl=True,
            ssl_cert_reqs="none",
            socket_timeout=3,
            decode_responses=True,
        )
        try:
            return client.execute_command(*words)
        finally:
            client.close()

    def role(self, number: int) -> str:
        """``master``, ``slave`` or an empty text, as the pod's Valkey says."""
        try:
            return self.ask(number, "ROLE", user="sentinel")[0]
        except (ValkeyError, OSError):
            return ""

    def followers(self, number: int) -> int:
        """How many replicas follow a pod's Valkey."""
        try:
            return len(self.ask(number, "ROLE", user="sentinel")[2])
        except (ValkeyError, OSError, TypeError):
            return 0

    def primaries(self) -> list[int]:
        """The pods that believe to be the primary."""
        return [number for number in range(self.count) if self.role(number) == "master"]

    def primary(self, followers: int, within_seconds: float = 60) -> int:
        """Wait for one primary with so many followers; its number."""

        def found() -> bool:
            primaries = self.primaries()
            return len(primaries) == 1 and self.followers(primaries[0]) == followers

        until(found, within_seconds=within_seconds)
        return self.primaries()[0]

    def trusted(self, number: int) -> None:
        """Raises unless a pod shows a certificate for its own name on both ports."""
        for port in PORTS.values():
            plain = socket.create_connection((address(number), port), timeout=5)
            with self.authority.trust().wrap_socket(plain, server_hostname=host(number)) as secure:
                assert secure.version() == "TLSv1.3"

    def refuses_clear_text(self, number: int) -> bool:
        """Whether a pod closes a connection without TLS on both ports."""
        for port in PORTS.values():
            with socket.create_connection((address(number), port), timeout=5) as plain:
                plain.sendall(b"PING\r\n")
                try:
                    if plain.recv(10):
                        return False
                except (ConnectionError, ssl.SSLError):
                    pass
        return True
