"""`verify` finds and names each fault of a platform."""

from __future__ import annotations

import datetime
import json
import stat
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from delivery.called_server import called_server
from delivery.checks import Check, CheckStatus, check, tls_and_redirect
from delivery.kubectl import Kubectl
from delivery.mcp_client import Era
from delivery.outputs import Deployed
from delivery.verify import check_server, problems, run_checks, summary
from tests.harness.certificates import Authority
from tests.harness.server import RunningServer, free_port, serving, until
from tests.harness.tokens import ISSUER, Issuer

NO_CLUSTER = Kubectl(Path("kubectl"), "none")
PRM = "/.well-known/oauth-protected-resource/mcp"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.at(tmp_path_factory.mktemp("issuer"))


@contextmanager
def platform(
    directory: Path, issuer: Issuer, *, ends_in_days: float = 1, **sections: Mapping[str, Any]
) -> Generator[RunningServer]:
    """A server with a certificate of its own."""
    authority = Authority.at(directory)
    lasts = datetime.timedelta(days=ends_in_days)
    certificate, key = authority.issue(ends=lasts)
    section = {"tls_port": free_port(), "tls_cert": str(certificate), "tls_key": str(key)}
    with serving(directory, issuer, authority.trust(), server=section, **sections) as server:
        yield server


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, issuer: Issuer) -> Generator[RunningServer]:
    with platform(tmp_path_factory.mktemp("sound"), issuer) as server:
        yield server


def deployed(base: str, ca_file: Path | None = None, **outputs: Any) -> Deployed:
    stated = {"mcp_url": f"{base}/mcp", "prm_url": base + PRM, "issuer": ISSUER, "era": "dual"}
    where = str(ca_file) if ca_file else None
    return Deployed(outputs=stated | outputs, cluster="node", context="node", ca_file=where)


def of(server: RunningServer, **outputs: Any) -> Deployed:
    return deployed(server.base, server.config_file.parent / "ca.crt", **outputs)


def results(checks: list[Check]) -> dict[str, str]:
    return {one.what: one.status.value for one in checks}


def test_a_sound_platform_passes_all_that_can_be_checked(sound: RunningServer) -> None:
    checks = run_checks(of(sound), NO_CLUSTER, bearer=sound.token)
    assert results(checks) == {
        "TLS": "ok",
        "plain HTTP": "not checked",
        "401 without a token": "ok",
        "metadata": "ok",
        "modern: discovery": "ok",
        "modern: tools/list": "ok",
        "modern: tools/call": "ok",
        "legacy: initialize": "ok",
        "legacy: tools/list": "ok",
        "legacy: tools/call": "ok",
        "stored data": "not checked",
        "dependencies": "not checked",
    }
    assert problems(checks) == []
    assert summary(checks) == "9 ok, 3 not checked"
    assert all(one.found for one in checks)


def test_without_the_right_to_read_secrets_their_age_is_not_checked(sound: RunningServer) -> None:
    outputs: dict[str, Any] = {"required_secrets": [], "secret_rotation_days": 90}
    secret = {"namespace": "n", "name": "s", "kind": "given", "keys": ["password"]}
    none = run_checks(of(sound, **outputs), NO_CLUSTER, bearer=sound.token)
    assert results(none)["age of secrets"] == "ok"
    some = {**outputs, "required_secrets": [secret]}
    checks = run_checks(of(sound, **some), NO_CLUSTER, bearer=sound.token)
    assert results(checks)["age of secrets"] == "not checked"
    assert problems(checks) == []


def weather(server: RunningServer) -> dict[str, Any]:
    """The output ``servers`` of a stack with one server."""
    outputs = {"mcp_url": f"{server.base}/mcp", "prm_url": server.base + PRM, "era": "modern"}
    return {"weather": {**outputs, "issuer": ISSUER, "scopes": ["weather.read"]}}


def test_servers_of_the_user_are_checked_by_name(sound: RunningServer) -> None:
    checks = run_checks(of(sound, servers=weather(sound)), NO_CLUSTER)
    found = {name: how for name, how in results(checks).items() if name.startswith("weather")}
    assert found == {
        "weather: 401 without a token": "ok",
        "weather: metadata": "ok",
        "weather: modern: discovery": "not checked",
        "weather: modern: tools/list": "not checked",
        "weather: modern: tools/call": "not checked",
    }


def test_a_server_is_checked_with_a_token_of_its_own(sound: RunningServer) -> None:
    subject = of(sound, servers=weather(sound))
    server = called_server(subject.outputs, "weather")
    found = results(check_server(subject, NO_CLUSTER, server, bearer=sound.token))
    assert found["weather: modern: discovery"] == "ok"
    assert found["weather: modern: tools/list"] == "ok"
    # Only the reference server's echo is known to change nothing.
    assert found["weather: modern: tools/call"] == "not checked"


def test_the_token_of_the_platform_is_not_sent_to_a_server(sound: RunningServer) -> None:
    checks = run_checks(of(sound, servers=weather(sound)), NO_CLUSTER, bearer=sound.token)
    found = next(one for one in checks if one.what == "weather: modern: discovery")
    assert found.status is CheckStatus.NOT_CHECKED
    assert "the token is the platform's" in found.found


def test_a_server_that_checks_tokens_itself_is_not_checked_without_a_token_of_its_issuer(
    sound: RunningServer,
) -> None:
    own = {"own": {**weather(sound)["weather"], "auth": "server"}}
    subject = of(sound, servers=own)
    server = called_server(subject.outputs, "own")
    checks = check_server(subject, NO_CLUSTER, server)
    assert {one.status for one in checks} == {CheckStatus.NOT_CHECKED}
    assert all("auth: server" in one.found for one in checks)
    with_token = results(check_server(subject, NO_CLUSTER, server, bearer=sound.token))
    assert with_token["own: modern: tools/list"] == "ok"


def test_one_era_can_be_asked_for(sound: RunningServer) -> None:
    checks = run_checks(of(sound), NO_CLUSTER, era=Era.LEGACY, bearer=sound.token)
    assert not [one for one in checks if one.what.startswith("modern")]
    assert "legacy: tools/call" in results(checks)


def test_without_a_token_the_rest_is_still_checked(sound: RunningServer) -> None:
    checks = run_checks(of(sound), NO_CLUSTER)
    found = results(checks)
    assert found["metadata"] == "ok"
    assert found["modern: discovery"] == "not checked"
    assert "QUDAG_MCP_TOKEN" in next(o.found for o in checks if o.what == "stored data")


def test_a_token_that_is_refused_is_named_once_an_era(sound: RunningServer) -> None:
    checks = run_checks(of(sound), NO_CLUSTER, bearer="not-a-token")
    found = problems(checks)
    assert len(found) == 2
    assert all("the token is refused" in problem.what for problem in found)


def test_metadata_of_another_issuer_or_another_resource_is_found(sound: RunningServer) -> None:
    other = of(sound, issuer="https://login.example.com")
    (problem,) = problems(run_checks(other, NO_CLUSTER, bearer=sound.token))
    assert problem.path.endswith(PRM)
    assert "without https://login.example.com" in problem.what


def test_metadata_of_another_resource_is_found(tmp_path: Path, issuer: Issuer) -> None:
    auth = {
        "issuer": ISSUER,
        "additional_audiences": ["https://mcp.test/mcp"],
        "jwks_file": str(issuer.jwks_file),
        "resource_url": "https://another.example.com/mcp",
    }
    with platform(tmp_path, issuer, auth=auth) as server:
        found = problems(run_checks(of(server), NO_CLUSTER, bearer=server.token))
    said = [problem.what for problem in found]
    assert any("its challenge points to https://another.example.com" in what for what in said)
    assert any("its resource is https://another.example.com/mcp" in what for what in said)


def test_an_expired_certificate_is_one_problem_not_one_a_check(
    tmp_path: Path, issuer: Issuer
) -> None:
    with platform(tmp_path, issuer, ends_in_days=-0.01) as server:
        checks = run_checks(of(server), NO_CLUSTER, bearer=server.token)
    (problem,) = problems(checks)
    assert "certificate has expired" in problem.what
    assert results(checks)["metadata"] == "not checked"


@pytest.mark.slow
def test_a_dead_database_is_found_by_the_row_that_cannot_be_kept(
    tmp_path: Path, issuer: Issuer
) -> None:
    dead = {"host": "127.0.0.1", "port": free_port(), "name": "n", "user": "u"}
    with platform(tmp_path, issuer, database=dead) as server:
        checks = run_checks(of(server), NO_CLUSTER, bearer=server.token)
    (problem,) = problems(checks)
    assert results(checks)["stored data"] == "failed"
    assert "the database does not answer" in problem.what


@pytest.mark.slow
def test_a_dependency_that_servers_miss_is_named_with_the_servers(
    tmp_path: Path, issuer: Issuer
) -> None:
    dead = {"host": "127.0.0.1", "port": free_port(), "name": "n", "user": "u"}
    with platform(tmp_path, issuer, database=dead) as server:
        port = server.config["server"]["port"]
        until(lambda: "unreachable" in str(server.get("/ready").text))
        kubectl = forwarding(tmp_path, port)
        checks = run_checks(of(server, namespace="mcp"), kubectl, bearer=server.token)
    assert results(checks)["dependencies"] == "failed"
    assert "database is unreachable for mcp-core/server" in [p.what for p in problems(checks)]


@pytest.mark.slow
def test_a_server_in_a_further_namespace_is_asked_as_well(tmp_path: Path, issuer: Issuer) -> None:
    dead = {"host": "127.0.0.1", "port": free_port(), "name": "n", "user": "u"}
    with platform(tmp_path, issuer, database=dead) as server:
        until(lambda: "unreachable" in str(server.get("/ready").text))
        kubectl = forwarding(tmp_path, server.config["server"]["port"], namespace="agents")
        own = {"namespace": "mcp", "namespaces": ["mcp", "agents"]}
        checks = run_checks(of(server, **own), kubectl, bearer=server.token)
    (found,) = (one for one in checks if one.what == "dependencies")
    (problem,) = found.problems
    assert problem.path == "namespace agents"
    assert problem.what == "database is unreachable for mcp-core/server"
    assert "kubectl -n agents " in problem.fix


def forwarding(folder: Path, port: int, namespace: str = "mcp") -> Kubectl:
    """A kubectl for a cluster of one ready pod, whose port it forwards to ``port`` here."""
    probe = {"httpGet": {"path": "/ready", "port": "probes"}}
    pod = {
        "metadata": {
            "name": "mcp-core-6d5f-x2x2x",
            "generateName": "mcp-core-6d5f-",
            "namespace": namespace,
            "labels": {"pod-template-hash": "6d5f"},
        },
        "spec": {
            "containers": [
                {
                    "name": "server",
                    "ports": [{"name": "probes", "containerPort": 8081}],
                    "readinessProbe": probe,
                }
            ]
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    (folder / "pods.json").write_text(json.dumps({"kind": "List", "items": [pod]}))
    program = folder / "kubectl"
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f"*'port-forward --namespace={namespace} pod/mcp-core-6d5f-x2x2x :8081')"
        f" echo 'Forwarding from 127.0.0.1:{port} -> 8081'; exec sleep 60;;\n"
        f"*' pods -n={namespace}') cat {folder / 'pods.json'};;\n"
        "esac\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Kubectl(program, "none")


@contextmanager
def unprotected() -> Generator[str]:
    """A server of the official SDK that asks for no token, and whose echo is broken."""
    server = MCPServer("unprotected")

    @server.tool()
    def echo(text: str) -> str:
        raise ToolError(f"the backend behind {text} is gone")

    port = free_port()
    config = uvicorn.Config(server.streamable_http_app(), port=port, log_level="warning")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until(lambda: running.started)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        running.should_exit = True
        thread.join(10)


def test_all_failures_are_named_at_once() -> None:
    with unprotected() as base:
        checks = run_checks(deployed(base), NO_CLUSTER, bearer="any")
    failed = [one.what for one in checks if one.status is CheckStatus.FAILED]
    assert failed == [
        "401 without a token",
        "metadata",
        "modern: tools/call",
        "legacy: tools/call",
    ]
    assert len(problems(checks)) == 4
    assert "without a token, not 401" in problems(checks)[0].what
    assert "is gone" in problems(checks)[-1].what


@contextmanager
def plain(status: int, **headers: str) -> Generator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "headers", "ends"),
    [
        (308, {"Location": "https://mcp.example.com/mcp"}, CheckStatus.OK),
        (302, {"Location": "http://mcp.example.com/mcp"}, CheckStatus.FAILED),
        (200, {}, CheckStatus.FAILED),
    ],
)
def test_plain_http_must_send_clients_to_tls(
    status: int, headers: dict[str, str], ends: CheckStatus
) -> None:
    with plain(status, **headers) as url:
        assert check("plain HTTP", lambda: tls_and_redirect.redirected(url)).status is ends


def test_a_port_80_that_nothing_listens_on_is_not_checked() -> None:
    url = f"http://127.0.0.1:{free_port()}/mcp"
    assert (
        check("plain HTTP", lambda: tls_and_redirect.redirected(url)).status
        is CheckStatus.NOT_CHECKED
    )
