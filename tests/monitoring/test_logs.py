"""The collector reads the log files of real programs, and VictoriaLogs has what they say.

The programs are those of the stack with canaries, and Envoy. Their output is written to files in
the format of containerd.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import ssl
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from components.kubernetes.pod_settings import SecretKey
from components.mcp.metrics import exported_by
from components.observability.log_collector import LogCollector, LogCollectorArgs
from components.observability.log_fields import LogMasking
from components.observability.log_pipeline import LogSink
from graph.resource_graph import ResourceGraph
from tests.artifacts.test_egress_proxy import API, PROGRAM, Proxy
from tests.artifacts.test_egress_proxy import proxy as proxy  # noqa: PLC0414  (a fixture)
from tests.harness import programs, record
from tests.harness.canaries import Canary, leaks
from tests.harness.canary_clients import SENT, VAULT, Caller, calls, failed_logins, refused
from tests.harness.canary_programs import CanaryPrograms
from tests.harness.canary_stack import graph as canary_graph
from tests.harness.canary_stack import planted
from tests.harness.certificates import Authority
from tests.harness.containers import RunningContainer
from tests.harness.log_collector import CollectorProcess, LogStoreProcess, built, collecting
from tests.harness.network import can_isolate
from tests.harness.pods import Pod
from tests.harness.server import free_port, until
from tests.harness.tokens import Issuer

PLATFORM: Final = "qudag-mcp-dev"
SERVICES: Final = ("mcp-server", "postgres", "redis", "egress-proxy", "mcp-migration", "notes")
MINUTES: Final = float(os.environ.get("SINK_AWAY_MINUTES", "0.1"))
"""How long the sink is away; the fast form is 6 seconds."""


def collector(masking: LogMasking = LogMasking(), **changes: Any) -> ResourceGraph:  # noqa: B008
    given: dict[str, Any] = {
        "namespace": "qudag-mcp-dev-logs",
        "namespaces": {"platform": PLATFORM},
        "image": "docker.io/otel/opentelemetry-collector-contrib:0.161.0",
        "services": SERVICES,
        "sink": LogSink(kind="log-store", url="https://localhost:9428"),
        "masking": masking,
    }
    return record(lambda: LogCollector("logs", LogCollectorArgs(**given | changes)))


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
def tunnels(proxy: Proxy) -> str:
    """The log of Envoy after a tunnel, and one to a host that is refused."""
    assert PROGRAM is not None
    assert proxy.get("weather", API, "api.example.com") == "200"
    assert proxy.get("weather", "files.example.com:443") == "403"
    until(lambda: len(proxy.lines()) >= 2)
    return proxy.log.read_text()


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


def stored(store: LogStoreProcess) -> int:
    return sum(len(store.documents(project)) for project in (0, 1))


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


PERSON: Final = "maria.keller@example.com"
SECRET: Final = Canary.of("a secret in a log line")
JWT: Final = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYXJpYSJ9.c2lnbmF0dXJl"
LEAKING: Final = (
    f"login of {PERSON} from 203.0.113.77",
    f"peer 2001:db8:aaaa:bbbb::77 sent Authorization: Bearer {SECRET.text}",
    f"connecting to postgres://app:{SECRET.text}@db.example.com/app",
    f'{{"event":"called","password":"{SECRET.text}","who":"{PERSON}","client":"203.0.113.77"}}',
    f'{{"event":"called","args":{{"deep":["{PERSON}",{{"api_key":"{SECRET.text}"}}]}}}}',
    f'{{"event":"called","url":"https://example.com/a?token={SECRET.text}","jwt":"{JWT}"}}',
    f'{{"event":"request","subject":"{PERSON}","status":200}}',
    f"2026-11-29 09:00:00.000 UTC [7] STATEMENT:  ALTER ROLE app PASSWORD '{SECRET.text}'",
    f"password={SECRET.text} and secret: {SECRET.text}",
    f"-----BEGIN PRIVATE KEY-----{SECRET.text}-----END PRIVATE KEY-----",
    f"{{broken json of {PERSON} token={SECRET.text}",
    f'{{"event":"{PERSON}"}}',
)
"""Lines that programs of others may write."""
PERSONAL: Final = ("maria", "203.0.113.77", "aaaa", "c2lnbmF0dXJl")


@pytest.fixture(scope="module")
def leaking(tmp_path_factory: pytest.TempPathFactory) -> Generator[list[dict[str, str]]]:
    with collecting(tmp_path_factory.mktemp("leaking"), collector()) as (reader, store):
        reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server").write("\n".join(LEAKING))
        until(lambda: stored(store) >= len(LEAKING), 60)
        yield [*store.documents(0), *store.documents(1)]


def test_secrets_and_personal_data_in_lines_are_masked(leaking: list[dict[str, str]]):
    every = json.dumps(leaking)
    assert len(leaking) == len(LEAKING)
    assert leaks([SECRET], {"the store": every}) == []
    assert [one for one in PERSONAL if one in every] == []


def test_what_is_left_of_a_masked_line_can_be_read(leaking: list[dict[str, str]]):
    messages = {one["_msg"] for one in leaking}
    assert "login of <e-mail> from 203.0.113.0" in messages
    assert "connecting to postgres://<credentials>@db.example.com/app" in messages
    (request,) = [one for one in leaking if one["_msg"] == "request"]
    assert re.fullmatch("[0-9a-f]{16}", request["subject"])


@pytest.mark.parametrize(
    ("masking", "line"),
    [
        (LogMasking(addresses="keep"), "from 203.0.113.77 and 2001:db8:aaaa:bbbb::77"),
        (LogMasking(addresses="network"), "from 203.0.113.0 and 2001:db8::"),
        (LogMasking(addresses="drop"), "from <address> and <address>"),
    ],
)
def test_addresses_are_masked_as_configured(masking: LogMasking, line: str, tmp_path: Path):
    with collecting(tmp_path, collector(masking)) as (reader, store):
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        file.write("from 203.0.113.77 and 2001:db8:aaaa:bbbb::77\n")
        until(lambda: stored(store) == 1, 60)
        assert [one["_msg"] for one in store.documents()] == [line]


def test_lines_of_several_rows_and_long_lines_are_one_document(tmp_path: Path):
    trace = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: bad'
    long = "x" * 100_000
    with collecting(tmp_path, collector()) as (reader, store):
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        file.write(f"{trace}\nnext\n{long}\n")
        until(lambda: stored(store) == 3, 60)
        assert {one["_msg"] for one in store.documents()} == {trace, "next", long}


def test_nothing_is_lost_or_doubled_while_the_sink_is_away(tmp_path: Path):
    """The collector is stopped and started again in between, as when its pod is replaced."""
    lines = 0
    with collecting(tmp_path, collector()) as (reader, store):
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")

        def write(count: int) -> None:
            nonlocal lines
            text = (
                json.dumps(
                    {"event": "n", "number": lines + at, "status": 401 if at % 5 == 0 else 200}
                )
                for at in range(count)
            )
            file.write("\n".join(text) + "\n")
            lines += count

        write(500)
        until(lambda: stored(store) == lines, 60)
        store.stop()
        write(1000)
        until(lambda: reader.metric("otelcol_exporter_queue_size") > 0, 30)
        _wait(MINUTES / 2)
        reader.stop()
        write(500)
        reader.start(store.url)
        _wait(MINUTES / 2)
        write(500)
        store.start()
        until(lambda: stored(store) >= lines, 120)
        found = [one["number"] for number in (0, 1) for one in store.documents(number)]
        assert sorted(map(int, found)) == list(range(lines))
        until(lambda: reader.metric("otelcol_exporter_queue_size") == 0, 30)


def _wait(minutes: float) -> None:
    time.sleep(minutes * 60)


def test_a_full_queue_stops_reading_and_loses_nothing(tmp_path: Path):
    """A queue has room for 1 MiB; several times as much is written while the sink is away."""
    with collecting(tmp_path, collector(queue="1Mi")) as (reader, store):
        store.stop()
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        lines = 5000
        file.write("\n".join(json.dumps({"event": "n" * 1000, "number": n}) for n in range(lines)))
        until(lambda: reader.metric("otelcol_exporter_queue_size") > 500_000, 30)
        assert reader.metric("otelcol_receiver_accepted_log_records") < lines
        store.start()
        until(lambda: stored(store) >= lines, 120)
        assert sorted(int(one["number"]) for one in store.documents()) == list(range(lines))


LOGIN: Final = ("-httpAuth.username=collector", "-httpAuth.password=right")


def with_token(**given: Any) -> ResourceGraph:
    """A collector with a sink that wants a token."""
    token = SecretKey(secret="log-sink", key="token")
    url = "https://localhost:9428/insert/opentelemetry"
    return collector(sink=LogSink(kind="otlp", url=url, token=token, **given))


def test_a_new_token_is_used_without_a_restart_and_refused_lines_are_counted(tmp_path: Path):
    with collecting(tmp_path, with_token(scheme="Basic"), LOGIN) as (reader, store):
        store.login = ("collector", "right")
        file = reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server")
        file.write('{"event":"refused"}\n')
        dropped = "otelcol_exporter_send_failed_log_records"
        until(lambda: reader.metric(dropped, exporter="otlphttp/main") == 1, 60)
        encoded = base64.b64encode(b"collector:right").decode()
        (tmp_path / "sink" / "token").write_text(encoded)

        def arrives() -> bool:
            file.write('{"event":"taken"}\n')
            return "taken" in {one["_msg"] for one in store.documents()}

        until(arrives, 60)
        assert {one["log.index"] for one in store.documents()} == {"qudag-mcp-logs"}
        exported = reader.metrics()
        for name in exported_by("logs"):
            assert f"\n{name}{{" in exported, name


def test_a_header_of_its_own_has_the_token_alone(tmp_path: Path):
    authority, port = Authority.at(tmp_path), free_port()
    certificate, key = authority.issue("sink", ("localhost",))
    program = built("collector", "otelcol-contrib")
    graph = with_token(header="DD-API-KEY", scheme="none")
    reader = CollectorProcess(program, tmp_path, graph, authority, token="a-key\n")
    asked: list[tuple[str, str | None]] = []

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, self.headers["dd-api-key"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", port), Sink) as sink:
        sink.daemon_threads = True
        sink.socket = context.wrap_socket(sink.socket, server_side=True)
        Thread(target=sink.serve_forever, daemon=True).start()
        reader.start(f"https://localhost:{port}")
        try:
            reader.file(PLATFORM, "notes-5d8f7b9c4-x2k9q", "server").write("line\n")
            until(lambda: asked, 60)
        finally:
            reader.stop()
            sink.shutdown()
    assert asked[0] == ("/insert/opentelemetry/v1/logs", "a-key")
