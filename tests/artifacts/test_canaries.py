"""Canaries in place of every secret are found in nothing that the platform's programs write.

The programs run with the files of a stack: they work, are sent wrong tokens and wrong messages, log
in with wrong passwords, lose their stores and crash.
"""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path
from typing import Final

import pytest

from tests.harness import programs
from tests.harness.canaries import Canary, in_every_form, leaks
from tests.harness.canary_clients import (
    SENT,
    VAULT,
    Caller,
    bridged,
    calls,
    failed_logins,
    refused,
    stored,
)
from tests.harness.canary_programs import CanaryPrograms, wrong
from tests.harness.canary_stack import graph, planted
from tests.harness.certificates import Authority
from tests.harness.network import can_isolate
from tests.harness.secret_inputs import secret_inputs
from tests.harness.server import until
from tests.harness.tokens import Issuer
from tests.harness.watched_processes import WatchedProcesses

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not can_isolate(), reason="containers need namespaces: run as root"
    ),
]

ELSEWHERE: Final = {
    "qudag-mcp-server backup",
    "qudag-mcp-server restore",
    "sh /etc/qudag/backup-dump.sh",
    "sh /etc/qudag/backup-restore.sh",
}
"""Programs that need a bucket: tests/backup/test_canaries.py."""

Ran = tuple[CanaryPrograms, list[Canary], WatchedProcesses]
"""The programs that ran, what was planted, and their processes."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, authority: Authority, issuer: Issuer) -> Ran:
    """All programs of the stack, started, used, refused, broken and ended."""
    for names in (("postgres",), ("valkey-server", "redis-server"), ("nginx",)):
        programs.required(*names)
    for name in ("postgres", "redis"):
        programs.required(f"{name}_exporter", f"prometheus-{name}-exporter")
    secrets, canaries = planted(graph(), authority, issuer)
    made = CanaryPrograms(graph(), tmp_path_factory.mktemp("canaries"), secrets)
    token = issuer.token(iss=graph().outputs["issuer"], aud="https://mcp.example.com/mcp")
    caller = Caller(made, authority, token)
    with WatchedProcesses() as watched:
        canaries += works(made, caller, issuer)
    return made, [*canaries, SENT, VAULT], watched


def works(made: CanaryPrograms, caller: Caller, issuer: Issuer) -> list[Canary]:
    """The platform with one worker and with two; in between its programs get wrong secrets."""
    secrets = made.secrets
    with made.stores() as (database, cache):
        made.run("mcp-migration", "migrate")
        made.run("mcp-audit-keeper", "keep", without="audit_bucket")
        made.run("mcp-audit-keeper", "keep", status=None)  # the bucket cannot be reached
        made.exporters()
        with made.platform(workers=1):
            calls(caller)
            sent = refused(caller, issuer)
            failed_logins(secrets)
            made.scrape(9090, 9091)
        others = fails(made)
        with made.platform(workers=2) as running:
            calls(caller)
            sent += refused(caller, issuer)
            made.scrape(9090, 9091)
            stored(made)
            cache.kill()
            database.kill()
            caller.call("recall", name="a")
            caller.call("vault_write", name="b", value=VAULT.text)
            for worker in children(running.pid):
                os.kill(worker, signal.SIGABRT)
            until(lambda: "worker_ended" in running.log)
    with made.bridge():
        bridged(made)
    return [*sent, *others]


def children(parent: int) -> list[int]:
    """The processes that a process has started."""
    told = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(number) for number in told.split()]


def fails(made: CanaryPrograms) -> list[Canary]:
    """Programs whose passwords the stores refuse, and whose private keys are none."""
    secrets = made.secrets
    made.secrets, passwords = wrong(secrets, ends=("password", "-key"))
    made.run("mcp-migration", "migrate", status=None)
    made.run("mcp-audit-keeper", "keep", status=None)
    made.exporters()
    made.unready()
    made.secrets, keys = wrong(secrets, ends=("tls.key",))
    for container in ("gateway", "server"):
        made.run("mcp-server", container, status=None)
    made.secrets = secrets
    return [*passwords, *keys]


def test_every_program_of_the_stack_has_run(run: Ran):
    made = run[0]
    given = {each.program for each in secret_inputs(graph())}
    assert given - ELSEWHERE <= made.programs


def test_no_log_and_no_answer_contains_a_secret(run: Ran):
    made, canaries, _ = run
    assert leaks(canaries, made.texts) == []


@pytest.mark.parametrize("key", ["database-password", "audit-keeper-password"])
def test_a_password_with_a_line_break_is_refused_and_not_logged(
    key: str, tmp_path: Path, authority: Authority, issuer: Issuer
):
    programs.required("postgres")
    secrets, canaries = planted(graph(), authority, issuer)
    secrets["mcp-server-secrets"][key] = SENT.text.replace("-", "\n")
    made = CanaryPrograms(graph(), tmp_path, secrets)
    made.run("postgres", "postgres", status=None)
    (log,) = made.texts.values()
    assert f"/etc/secrets/{key} has several lines; write the password in one\n" in log
    assert leaks([*canaries, SENT], made.texts) == []


def test_no_command_line_contains_a_secret(run: Ran):
    _, canaries, watched = run
    assert {line.split()[0].rpartition("/")[2] for line in watched.command_lines} >= {"nginx:"}
    assert leaks(canaries, {line: line for line in watched.command_lines}) == []


def test_an_environment_contains_a_secret_only_in_its_documented_variable(run: Ran):
    _, canaries, watched = run
    documented = {each.place[1:] for each in secret_inputs(graph()) if each.place[0] == "$"}
    assert leaks(canaries, watched.variables(but=documented | {"NOTES_KEY"})) == []


@pytest.mark.parametrize("form", in_every_form(SENT))
def test_the_search_finds_each_form_of_each_canary_in_each_text(run: Ran, form: str):
    made, canaries, watched = run
    searched = [*made.texts.values(), *watched.command_lines, *watched.variables(but=()).values()]
    for text, canary in zip(searched, itertools.cycle(canaries), strict=False):
        written = in_every_form(canary)[form]
        middle = len(text) // 2
        assert leaks([canary], {"a text": text[:middle] + written + text[middle:]}), canary.name
