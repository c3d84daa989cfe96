"""The collector reads the log files of real programs, and VictoriaLogs has what they say.

The programs are those of the stack with canaries, and Envoy. Their output is written to files in
the format of containerd.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.harness import programs
from tests.harness.canaries import Canary, leaks
from tests.harness.canary_clients import SENT, VAULT, Caller, calls, failed_logins, refused
from tests.harness.canary_programs import CanaryPrograms
from tests.harness.canary_stack import graph as canary_graph
from tests.harness.canary_stack import planted
from tests.harness.certificates import Authority
from tests.harness.collected_logs import PLATFORM, SERVICES, collector, stored
from tests.harness.containers import RunningContainer
from tests.harness.log_collector import CollectorProcess, LogStoreProcess, collecting
from tests.harness.network import can_isolate
from tests.harness.pods import Pod
from tests.harness.running_egress_proxy import API, PROGRAM, running_proxy
from tests.harness.server import until
from tests.harness.tokens import Issuer


@dataclass
class LoggedPrograms(CanaryPrograms):
    """The programs of the stack, with the log of each container by its pod's name."""

    logs: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    @contextlib.contextmanager
    def running(self, pod: Pod, container: str) -> Generator[RunningContainer]:
        with super().running(pod, container) as running:
            try:
                yield running
            finally:
                self.logs.append((pod.name, container, running.log))


Written = tuple[LoggedPrograms, list[Canary]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The logs of PostgreSQL, Valkey, their exporters, server, gateway, its exporter and a job."""
    if os.geteuid() != 0 or not can_isolate():
        pytest.skip("containers need namespaces: run as root")
    for names in (("postgres",), ("valkey-server", "redis-server"), ("nginx",)):
        programs.required(*names)
    folder = tmp_path_factory.mktemp("programs")
    authority, issuer = Authority.at(folder), Issuer.at(folder)
    secrets, canaries = planted(canary_graph(), authority, issuer)
    made = LoggedPrograms(canary_graph(), folder, secrets)
    token = issuer.token(iss=canary_graph().outputs["issuer"], aud="https://mcp.example.com/mcp")
    caller = Caller(made, authority, token)
    with made.stores():
        made.run("mcp-migration", "migrate")
        made.exporters()
        with made.platform(workers=1):
            calls(caller)
            sent = refused(caller, issuer)
            failed_logins(secrets)
    return made, [*canaries, *sent, SENT, VAULT]


@pytest.fixture(scope="module")
def tunnels(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The log of Envoy after a tunnel, and one to a host that is refused."""
    assert PROGRAM is not None
    with running_proxy(tmp_path_factory.mktemp("egress")) as proxy:
        assert proxy.get("weather", API, "api.example.com") == "200"
        assert proxy.get("weather", "files.example.com:443") == "403"
        until(lambda: len(proxy.lines()) >= 2)
        yield proxy.log.read_text()


Collected = tuple[CollectorProcess, LogStoreProcess, dict[tuple[str, str], str]]


@pytest.fixture(scope="module")
def collected(
    written: Written, tunnels: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Collected]:
    """All of it in the store."""
    logs: dict[tuple[str, str], str] = {("egress-proxy-5d8f7b9c4-x2k9q", "envoy"): tunnels}
    for pod, container, text in written[0].logs:
        ordinal = f"{pod}-{'0' if pod in ('postgres', 'redis') else '5d8f7b9c4-x2k9q'}"
        logs[ordinal, container] = logs.get((ordinal, container), "") + text
    with collecting(tmp_path_factory.mktemp("collected"), collector()) as (reader, store):
        for (pod, container), text in logs.items():
            reader.file(PLATFORM, pod, container).write(text)
        reader.file("another-namespace", "app-0", "app").write("not of this platform\n")
        wanted = sum(len(entries(text)) for text in logs.values())
        until(lambda: stored(store) >= wanted, 60)
        yield reader, store, logs


def entries(text: str) -> list[str]:
    """The messages of a log: indented lines belong to the one before, and empty ones are none."""
    found: list[str] = []
    for line in text.splitlines():
        if found and line.startswith((" ", "\t")) and not found[-1].startswith("{"):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def documents(collected: Collected, container: str) -> list[dict[str, str]]:
    store = collected[1]
    every = [*store.documents(0), *store.documents(1)]
    return [one for one in every if one["k8s.container.name"] == container]


def test_every_entry_of_every_container_is_stored_once(collected: Collected):
    _, store, logs = collected
    every = [*store.documents(0), *store.documents(1)]
    found = Counter((one["k8s.pod.name"], one["k8s.container.name"]) for one in every)
    assert found == {key: len(entries(text)) for key, text in logs.items() if text}
    assert {container for _, container in logs} >= {
        *("postgres", "valkey", "exporter", "server", "gateway", "gateway-metrics"),
        *("migrate", "envoy"),
    }


def test_every_document_has_the_fields_of_the_schema(collected: Collected):
    _, store, _ = collected
    for one in [*store.documents(0), *store.documents(1)]:
        assert one["severity_text"] in {"debug", "info", "warn", "error", "fatal"}, one
        assert one["k8s.namespace.name"] == PLATFORM
        assert one["k8s.pod.name"].startswith(one["service.name"])
        assert one["service.name"] in SERVICES
        assert one["_time"]
        assert one["_msg"]


@pytest.mark.parametrize("container", ["server", "gateway", "envoy"])
def test_every_field_of_a_json_line_is_a_field_of_its_document(
    collected: Collected, container: str
):
    renamed = {"time", "level", "trace_id", "span_id", "subject", "client", "at"}
    found = [
        {(key, _shown(value)) for key, value in one.items()}
        for one in documents(collected, container)
    ]
    lines = [
        json.loads(line)
        for (_, name), text in collected[2].items()
        if name == container
        for line in text.splitlines()
        if line.startswith("{")
    ]
    assert len(lines) >= 2
    for line in lines:
        kept = {
            (key, _shown(value))
            for key, value in line.items()
            if key not in renamed and not isinstance(value, list | dict) and value not in ("", None)
        }
        assert min((sorted(kept - fields) for fields in found), key=len) == []


def _shown(value: Any) -> str:
    """As the store has it: texts, with the last number of an address as 0, and short fractions."""
    text = value if isinstance(value, str) else json.dumps(value)
    if re.fullmatch(r"\d+\.\d+", text):
        return f"{float(text):.6g}"
    return text.replace("127.0.0.1", "127.0.0.0")


def test_a_request_has_the_same_id_and_trace_in_gateway_and_server(collected: Collected):
    ids = {
        name: {one["request_id"] for one in documents(collected, name) if "request_id" in one}
        for name in ("gateway", "server")
    }
    assert ids["gateway"] & ids["server"]
    traced = [one for one in documents(collected, "server") if "trace_id" in one]
    assert all(re.fullmatch("[0-9a-f]{32}", one["trace_id"]) for one in traced)


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ("server", "token_refused"),
        ("gateway", "401"),
        ("postgres", "password authentication failed"),
        ("envoy", "403"),
    ],
)
def test_a_refusal_is_in_the_index_of_security_events_and_in_no_other(
    collected: Collected, container: str, text: str
):
    _, store, _ = collected
    told = [
        [one for one in store.documents(number) if one["k8s.container.name"] == container]
        for number in (0, 1)
    ]
    assert [one for one in told[1] if text in one["_msg"]]
    assert not [one for one in told[0] if text in one["_msg"]]
    assert {one["category"] for one in told[1]} == {"security"}


def test_no_document_contains_a_canary(written: Written, collected: Collected):
    _, store, _ = collected
    every = json.dumps([*store.documents(0), *store.documents(1)])
    assert leaks(written[1], {"the store": every}) == []


def test_no_document_has_a_whole_address_of_a_client(collected: Collected):
    clients = {one.get("client") for one in documents(collected, "gateway")} - {None}
    assert clients == {"127.0.0.0"}


def test_files_of_another_namespace_are_not_read(collected: Collected):
    _, store, _ = collected
    assert not [one for one in store.documents(0) if "not of this platform" in one["_msg"]]
