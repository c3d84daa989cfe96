"""EmbeddedDataTier: PostgreSQL and Valkey behind TLS and a password, each with its persistence."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import Any

import pytest

from components.base.problems import ProblemReport
from components.kubernetes.embedded_data import EmbeddedDataTier
from components.kubernetes.resources import Resources
from components.kubernetes.valkey import valkey_conf
from components.kubernetes.valkey_args import ValkeySettings
from components.kubernetes.valkey_users import ValkeyUser
from components.mcp.data_tier import CacheProfile
from tests.harness import ResourceGraph, postgres, record
from tests.harness.graph_queries import objects, pods
from tests.harness.minimal_args import data_tier
from tests.harness.server import until

STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"


def graph(**args: Any) -> ResourceGraph:
    return record(lambda: EmbeddedDataTier("data", data_tier(**args)))


def files(name: str, **args: Any) -> dict[str, str]:
    found = objects(graph(**args), "ConfigMap")
    return next(c["data"] for c in found if c["metadata"]["name"] == name)


CORE = ValkeyUser(name="mcp-core", secret="mcp-valkey-mcp-core")


def directives(profile: CacheProfile) -> dict[str, str]:
    lines = valkey_conf(profile, ValkeySettings()).splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def test_the_outputs_say_where_everything_is():
    assert graph().one("qudag-mcp:index:DataTier").outputs == {
        "database_host": "postgres-service.qudag-mcp-dev.svc",
        "database_port": 5432,
        "database_name": "qudag_mcp",
        "database_user": "qudag",
        "database_credentials": "mcp-server-secrets",
        "cache_host": "redis-service.qudag-mcp-dev.svc",
        "cache_port": 6379,
        "cache_user": "default",
        "cache_name": "",
        "host": "postgres-service.qudag-mcp-dev.svc",
        "read_host": "postgres-service.qudag-mcp-dev.svc",
        "url_secret": "mcp-server-secrets",
        "read_url_secret": "mcp-server-secrets",
        "ca": "",
        "backup_location": "",
    }
    named = graph(authority_secret="mcp-internal-ca").one("qudag-mcp:index:DataTier")
    assert named.outputs["ca"] == "mcp-internal-ca"


def test_sessions_are_persisted_and_never_evicted():
    written = directives(CacheProfile.SESSIONS)
    assert (written["appendonly"], written["appendfsync"]) == ("yes", "everysec")
    assert written["maxmemory-policy"] == "noeviction"


def test_a_cache_is_not_persisted_and_evicts():
    written = directives(CacheProfile.CACHE)
    assert (written["appendonly"], written["save"]) == ("no", '""')
    assert written["maxmemory-policy"] == "allkeys-lru"


@pytest.mark.parametrize("profile", CacheProfile)
def test_the_cache_takes_only_tls_connections_with_a_password(profile: CacheProfile):
    written = directives(profile)
    assert (written["port"], written["tls-port"]) == ("0", "6379")
    assert written["aclfile"] == "/tmp/users.acl"


def test_the_database_takes_only_tls_connections_of_its_user_with_a_password():
    config = files("postgres-config")
    rule, local = config["pg_hba.conf"].splitlines()
    assert local == "local postgres postgres trust"
    assert "unix_socket_permissions = 0700" in config["postgresql.conf"]
    assert rule.split() == ["hostssl", "qudag_mcp", "qudag", "all", "scram-sha-256"]
    assert "ssl = on" in config["postgresql.conf"]


def test_no_password_stands_in_a_file_or_on_a_command_line():
    text = graph().to_json()
    assert "PASSWORD=" not in text
    assert not re.search(r"(requirepass|password) +[\"']?[A-Za-z0-9]{8,}[\"']? *\n", text)


def test_each_server_mounts_its_own_password_only():
    passwords = {
        found.name: [item["key"] for item in volume["secret"]["items"]]
        for found in pods(graph())
        for volume in found.spec["volumes"]
        if volume.get("secret", {}).get("secretName") == "mcp-server-secrets"
    }
    assert passwords == {"postgres": ["database-password"], "redis": ["redis-password"]}


def valkeys_secrets(**settings: Any) -> set[str]:
    made = graph(valkey=ValkeySettings(**settings))
    (valkey,) = [found for found in pods(made) if found.name == "redis"]
    return {v["secret"]["secretName"] for v in valkey.spec["volumes"] if "secret" in v}


def test_valkey_has_the_passwords_of_its_users_and_a_shared_one_only_where_it_is_wanted():
    tls, shared = "mcp-internal-tls-redis", "mcp-server-secrets"
    assert valkeys_secrets() == {tls, shared}
    assert valkeys_secrets(users=[CORE]) == {tls, CORE.secret}
    assert valkeys_secrets(users=[CORE], shared_password=True) == {tls, CORE.secret, shared}


def test_a_user_with_the_name_of_another_or_of_the_pods_own_is_refused():
    own = ValkeyUser(name="reloader", secret="any")
    with pytest.raises(ProblemReport) as refused:
        graph(valkey=ValkeySettings(users=[CORE, CORE, own]))
    paths = [problem.path for problem in refused.value.problems]
    assert paths == ["data.valkey.users[1].name", "data.valkey.users[2].name"]


@pytest.mark.parametrize(
    ("profile", "memory", "limit", "enough"),
    [
        (CacheProfile.SESSIONS, "512mb", "1Gi", True),
        (CacheProfile.SESSIONS, "513mb", "1Gi", False),
        (CacheProfile.CACHE, "2gb", "2560Mi", True),
        (CacheProfile.CACHE, "2gb", "2559Mi", False),
    ],
)
def test_the_memory_limit_leaves_room_for_a_rewrite(
    profile: CacheProfile, memory: str, limit: str, enough: bool
):
    settings = ValkeySettings(memory=memory, resources=Resources(memory_limit=limit))
    if enough:
        graph(valkey=settings, cache_profile=profile)
        return
    with pytest.raises(ProblemReport, match=r"set valkey\.resources\.memory_limit to at least"):
        graph(valkey=settings, cache_profile=profile)


def test_both_keep_their_data_when_it_is_to_be_protected():
    made = graph(database_size="7Gi", cache_size="3Gi", storage_class="fast", protect=True)
    claims = {
        resource.inputs["metadata"]["name"]: resource.inputs["spec"]["volumeClaimTemplates"]
        for resource in made.all(STATEFUL_SET)
        if resource.protect
    }
    storage = {name: spec[0]["spec"] for name, spec in claims.items()}
    sizes = {name: spec["resources"]["requests"]["storage"] for name, spec in storage.items()}
    assert sizes == {"postgres": "7Gi", "redis": "3Gi"}
    assert {spec["storageClassName"] for spec in storage.values()} == {"fast"}


def test_the_database_is_asked_locally_whether_it_lives():
    (found,) = [p for p in pods(graph()) if p.name == "postgres"]
    command = found.container("postgres")["livenessProbe"]["exec"]["command"]
    assert command[0] == "pg_isready"
    assert "--host=/tmp" in command


def test_the_database_is_ready_when_it_answers_at_the_port_of_its_clients():
    (found,) = [p for p in pods(graph()) if p.name == "postgres"]
    container = found.container("postgres")
    command = container["readinessProbe"]["exec"]["command"]
    assert command[:3] == ["pg_isready", "--quiet", "--host=localhost"]
    assert command != container["livenessProbe"]["exec"]["command"]


def test_no_probe_of_the_database_is_logged_as_a_refused_connection():
    """Each has a user and a database of pg_hba.conf: else it would be a security event."""
    (found,) = [p for p in pods(graph()) if p.name == "postgres"]
    container = found.container("postgres")
    rules = [line.split()[:3] for line in files("postgres-config")["pg_hba.conf"].splitlines()]
    for probe, kind in (("startup", "local"), ("liveness", "local"), ("readiness", "hostssl")):
        command = container[f"{probe}Probe"]["exec"]["command"]
        options = dict(part.split("=") for part in command if "=" in part)
        assert [kind, options["--dbname"], options["--username"]] in rules


@pytest.mark.skipif(postgres.binaries() is None, reason=postgres.HOW_TO_GET)
def test_a_real_database_refuses_a_probe_without_a_login_alone():
    def logged(user: str, database: str) -> str:
        before = len(log.read_text())
        asked = [f"--username={user}", f"--dbname={database}", f"--port={server.port}"]
        program = server.binaries / "pg_isready"
        subprocess.run([program, "--host=127.0.0.1", *asked], check=True, env=server.environment)
        until(lambda: "connection received" in log.read_text()[before:], within_seconds=5)
        return log.read_text()[before:]

    with postgres.postgres() as server:
        log = server.directory / "log"
        with server.connect("postgres") as connection:
            connection.autocommit = True
            connection.execute("ALTER SYSTEM SET log_connections = on")
        rule = f"host {postgres.DATABASE} {postgres.USER} all scram-sha-256\n"
        (server.directory / "data" / "pg_hba.conf").write_text(rule)
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "reloading configuration" in log.read_text(), within_seconds=5)
        assert "no pg_hba.conf entry" in logged("nobody", "nobody")
        assert "FATAL" not in logged(postgres.USER, postgres.DATABASE)


def test_valkey_listens_on_both_address_families():
    assert "bind * -::*" in files("valkey-config")["valkey.conf"].splitlines()


def test_the_database_ends_its_sessions_in_order_when_it_is_stopped():
    assert "kill -INT" in files("postgres-config")["start.sh"]
