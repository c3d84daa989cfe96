"""`verify` on real pods passes, and fails without the database."""

from __future__ import annotations

import json
from collections.abc import Generator

import pytest

from tests.harness.deployed_platform import Platform, Ran, verb
from tests.harness.server import until

DATABASE = ("statefulset/postgres", "-n=qudag-mcp-dev")


@pytest.fixture
def without_database(platform: Platform) -> Generator[Platform]:
    platform.kubectl.must("scale", *DATABASE, "--replicas=0")
    gone = ("wait", "--for=delete", "pod/postgres-0", "-n=qudag-mcp-dev", "--timeout=60s")
    platform.kubectl.run(*gone)
    yield platform
    platform.kubectl.must("scale", *DATABASE, "--replicas=1")
    platform.kubectl.must("rollout", "status", *DATABASE, "--timeout=90s")


def results(ran: Ran) -> dict[str, str]:
    return {one["check"]: one["result"] for one in json.loads(ran.out)}


def test_a_platform_that_is_up_passes_every_check(platform: Platform) -> None:
    ran = verb("verify", "--json")
    assert ran.status == 0, ran.err
    found = results(ran)
    assert len(found) == 12
    if platform.deployed.forwarded_service:  # one port is forwarded: HTTPS
        assert found.pop("plain HTTP") == "not checked"
    assert set(found.values()) == {"ok"}


@pytest.mark.usefixtures("without_database")
def test_a_database_that_is_gone_is_named_by_what_needs_it() -> None:
    def noticed() -> Ran | None:
        ran = verb("verify", "--json")
        return ran if results(ran)["dependencies"] == "failed" else None

    ran: Ran = until(noticed, 60)
    assert ran.status == 1
    failed = {what for what, result in results(ran).items() if result == "failed"}
    assert failed == {"stored data", "dependencies"}
    assert "the database does not answer" in ran.err
    assert "database is unreachable for mcp-server/" in ran.err
    assert "Traceback" not in ran.err
