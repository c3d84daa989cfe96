"""The example of OpenBao on real pods: passwords are rotated in it and no call is lost.

OpenBao, External Secrets, the kubelet that updates the mounted files, PostgreSQL, Valkey and the
server are real. Only on the local node, where `up` runs the store.
"""

from __future__ import annotations

import base64
import os
import random
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Generator
from typing import Any, Final

import pytest

from delivery import cluster
from delivery.state_folders import state_folder
from tests.harness import secret_store
from tests.harness.deployed_platform import ROOT, Ran, stack_options, start, verb
from tests.harness.example_stacks import Running, running
from tests.harness.openbao_example import (
    CACHE,
    DATABASE,
    NAMESPACE,
    REFRESHED_WITHIN,
    ROTATED_WITHIN,
    STORE,
    cache_accepts,
    change,
    database_accepts,
    entry,
    left,
    log,
    logs_in,
    mounted,
    rotate_the_cache,
    server_pods,
    values,
)
from tests.harness.rows_by_clients import Calls
from tests.harness.server import until

EXAMPLE: Final = ROOT / "examples/secrets/Pulumi.openbao.yaml"
STORE_STEP: Final = "OpenBao and External Secrets, for development alone"
KILLS: Final = 6


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    """The example; at the end nothing of it is left."""
    if cluster.parse_request(os.environ.get("CLUSTER") or None)[0] != "node":
        pytest.skip("up runs OpenBao on the local node alone: CLUSTER=node")
    if not secret_store.folder().is_dir():
        pytest.skip("External Secrets is not built; run tools/controllers/external_secrets/build")
    with running(EXAMPLE, tmp_path_factory.mktemp("stored")) as stack:
        kubectl = stack.platform.kubectl
        yield stack
    until(lambda: left(kubectl) == [], 30)


def up(stack: Running) -> Ran:
    return verb("up", *stack_options(stack.stack))


def test_external_secrets_writes_exactly_the_keys_that_pods_mount(stored: Running) -> None:
    platform = stored.platform
    where = f"--namespace={NAMESPACE}"
    written = platform.kubectl.objects("externalsecrets.external-secrets.io", where)
    names = {one["spec"]["target"]["name"] for one in written}
    names = {name for name in names if not name.endswith("-generated")}
    assert names == {DATABASE[0], CACHE[0], "mcp-user-keys"}
    expected = mounted(platform)
    for name in names:
        assert set(values(platform.kubectl, name)) == expected[name], name
        assert values(platform.kubectl, name) == entry(name)
    ready = [one["status"]["conditions"][0] for one in written]
    assert {(one["type"], one["status"]) for one in ready} == {("Ready", "True")}


def test_certificates_of_the_cluster_are_copied_into_openbao(stored: Running) -> None:
    kubectl = stored.platform.kubectl
    for name in ("mcp-tls-secret", "mcp-internal-ca", "mcp-issuer-keys"):
        until(lambda name=name: entry(name) == values(kubectl, name), REFRESHED_WITHIN)


def test_every_check_of_verify_passes(stored: Running) -> None:
    results = stored.verified()
    assert set(results.values()) == {"ok"}, results


def test_a_second_up_changes_nothing_and_no_value_is_in_its_output_or_files(
    stored: Running,
) -> None:
    platform, kubectl = stored.platform, stored.platform.kubectl
    before = {pod["metadata"]["uid"] for pod in platform.pods()}
    again = up(stored)
    assert again.status == 0, again.err
    for step in (STORE_STEP, "Deployment by server-side apply"):
        assert f"{step}: nothing changed" in again.err, again.err
    assert {pod["metadata"]["uid"] for pod in platform.pods()} == before
    secret = [
        value
        for namespace in (NAMESPACE, STORE)
        for one in kubectl.objects("secrets", f"--namespace={namespace}")
        for key, value in values(kubectl, one["metadata"]["name"], namespace).items()
        if key not in ("ca.crt", "tls.crt", "jwks.json")
    ]
    assert len(secret) > 8
    files = [file for file in state_folder(stored.stack.key).rglob("*") if file.is_file()]
    texts = [again.out, again.err, *(file.read_text(errors="replace") for file in files)]
    for value in secret:
        encoded = base64.b64encode(value.encode()).decode()
        assert not any(value in text or encoded in text for text in texts)


def test_openbao_lets_one_service_account_in_and_shows_it_the_stacks_entries_alone(
    stored: Running,
) -> None:
    kubectl = stored.platform.kubectl
    own = f"bao kv get -mount=secret -field=password {NAMESPACE}/{CACHE[0]}"
    other = "bao kv get -mount=secret -field=password another-stack/passwords"
    written = values(kubectl, CACHE[0])["password"]
    assert logs_in(kubectl, "qudag-mcp-secrets", NAMESPACE, own) == written
    assert "permission denied" in logs_in(kubectl, "qudag-mcp-secrets", NAMESPACE, other)
    assert "refused" in logs_in(kubectl, "mcp-server-sa", NAMESPACE, own)
    assert "refused" in logs_in(kubectl, "openbao-operator", STORE, own)


def test_two_passwords_are_rotated_in_openbao_and_no_call_is_lost(stored: Running) -> None:
    platform, kubectl = stored.platform, stored.platform.kubectl
    old = {one: values(kubectl, one[0])[one[1]] for one in (DATABASE, CACHE)}
    new = {one: secrets.token_hex(24) for one in old}
    restarts = server_pods(platform)
    calls = Calls(platform)
    thread = threading.Thread(target=calls.run, daemon=True)
    thread.start()
    began = time.monotonic()
    try:
        until(lambda: calls.answered > 30, 30)
        change(kubectl, DATABASE, new[DATABASE])
        rotate_the_cache(platform, old[CACHE], new[CACHE])
        line = "the rotated password of qudag is set"
        until(lambda: line in log(platform, "postgres"), ROTATED_WITHIN)
        rotated = time.monotonic() - began
        until(lambda answered=calls.answered: calls.answered > answered + 60, 60)
    finally:
        calls.stop.set()
        thread.join(30)
    print(f"{calls.answered} calls answered, {len(calls.lost)} lost; rotated in {rotated:.0f} s")
    assert calls.lost == []
    assert server_pods(platform) == restarts, "nothing was restarted"
    assert database_accepts(platform, new[DATABASE])
    assert not database_accepts(platform, old[DATABASE])
    assert cache_accepts(platform, new[CACHE])
    assert not cache_accepts(platform, old[CACHE])
    # A new pod of the server logs in with what is mounted now.
    restart = ("delete", "pod", f"--namespace={NAMESPACE}", "--selector=app=mcp-server")
    kubectl.must(*restart, "--grace-period=1")
    kubectl.must(
        "rollout", "status", "deployment/mcp-server", f"--namespace={NAMESPACE}", "--timeout=90s"
    )
    assert set(stored.verified().values()) == {"ok"}


def test_openbao_unseals_itself_and_keeps_its_entries_when_its_pod_restarts(
    stored: Running,
) -> None:
    kubectl = stored.platform.kubectl
    before = entry(DATABASE[0])
    kubectl.must("delete", "pod", "openbao-0", f"--namespace={STORE}")

    def ready() -> bool:
        found = kubectl.objects("pod", "openbao-0", f"--namespace={STORE}")
        conditions: list[Any] = found[0]["status"].get("conditions", []) if found else []
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    until(ready, 60)
    assert entry(DATABASE[0]) == before


def killed_after(seconds: float, options: list[str], *, kill: int) -> bool:
    """Start `up`, and kill it after some time; False if it had ended."""
    with start("up", *options) as process:
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(kill)
            process.communicate(timeout=60)
            return True
    return False


def test_up_converges_after_it_was_killed_at_random_moments(stored: Running) -> None:
    """From nothing: the first `up` after each kill finds a half-made store."""
    options, kubectl = stack_options(stored.stack), stored.platform.kubectl
    gone = verb("down", "--keep-cluster", "--yes", *options)
    assert gone.status == 0, gone.err
    until(lambda: left(kubectl) == [], 30)
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    killed = sum(
        killed_after(chance.uniform(2, 25), options, kill=signal.SIGKILL) for _ in range(KILLS)
    )
    last = up(stored)
    print(f"seed {seed}: {killed} of {KILLS} killed; the last up took {last.seconds:.0f} s")
    assert last.status == 0, last.err
    assert killed >= KILLS // 2
    assert set(stored.verified().values()) == {"ok"}
    again = up(stored)
    for step in (STORE_STEP, "Deployment by server-side apply"):
        assert f"{step}: nothing changed" in again.err, again.err
    test_external_secrets_writes_exactly_the_keys_that_pods_mount(stored)
