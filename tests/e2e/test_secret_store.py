"""The example of OpenBao on real pods: passwords are rotated in it and no call is lost.

OpenBao, External Secrets, the kubelet that updates the mounted files, PostgreSQL, Valkey and the
server are real. Only on the local node, where `up` runs the store.
"""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import pytest

from components.base.problems import ProblemReport
from delivery import cluster
from delivery.kubectl import Kubectl
from delivery.local_openbao.logins import as_operator
from delivery.mcp_client import Era, connected
from delivery.state_folders import state_folder
from tests.harness import secret_store
from tests.harness.deployed_platform import (
    ROOT,
    Platform,
    Ran,
    stack_options,
    start,
    verb,
)
from tests.harness.example_stacks import Running, running
from tests.harness.server import text_of, until

EXAMPLE: Final = ROOT / "examples/secrets/Pulumi.openbao.yaml"
NAMESPACE: Final = "qudag-mcp-openbao"
STORE: Final = "secrets"
DATABASE: Final = ("mcp-server-secrets", "database-password")
CACHE: Final = ("mcp-valkey-mcp-server", "password")
STORE_STEP: Final = "OpenBao and External Secrets, for development alone"
CALLERS: Final = (Era.MODERN, Era.MODERN, Era.LEGACY)
SECONDS_BETWEEN_CALLS: Final = 0.2
REFRESHED_WITHIN: Final = 60
ROTATED_WITHIN: Final = 300
"""A refresh, the kubelet's period of about a minute, and the two minutes of PostgreSQL's pod."""
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


def left(kubectl: Kubectl) -> list[str]:
    """What the stack and its OpenBao have made, as far as it is still there."""
    kinds = "namespaces,clusterroles,clusterrolebindings,customresourcedefinitions"
    found = [
        f"{one['kind']}/{one['metadata']['name']}"
        for one in kubectl.objects(kinds)
        if one["metadata"]["name"] == STORE
        or any(word in one["metadata"]["name"] for word in ("openbao", "external-secrets"))
    ]
    volumes = [one["spec"]["claimRef"]["namespace"] for one in kubectl.objects("persistentvolumes")]
    return found + [f"volume of {one}" for one in volumes if one in (NAMESPACE, STORE)]


def values(kubectl: Kubectl, name: str, namespace: str = NAMESPACE) -> dict[str, str]:
    """The values of a Secret."""
    (found,) = kubectl.objects("secret", name, f"--namespace={namespace}")
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


def bao(*arguments: str, stdin: str = "") -> str:
    """The command of docs/how-to/use-a-secret-store.md."""
    done = subprocess.run(
        [ROOT / "tools/node/bao", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def entry(name: str) -> dict[str, str]:
    """The entry of a Secret in OpenBao."""
    read = bao("kv", "get", "-mount=secret", "-format=json", f"{NAMESPACE}/{name}")
    return json.loads(read)["data"]["data"]


def change(kubectl: Kubectl, secret: tuple[str, str], value: str) -> None:
    """Write a value into OpenBao, as an operator does, and wait until it is in the Secret."""
    name, key = secret
    bao("kv", "patch", "-mount=secret", f"{NAMESPACE}/{name}", f"{key}=-", stdin=value)
    until(lambda: values(kubectl, name)[key] == value, REFRESHED_WITHIN)


def up(stack: Running) -> Ran:
    return verb("up", *stack_options(stack.stack))


def mounted(platform: Platform) -> dict[str, set[str]]:
    """The keys of each Secret that the pods of the platform mount."""
    found: dict[str, set[str]] = {}
    for pod in platform.pods():
        for volume in pod["spec"]["volumes"]:
            if source := volume.get("secret"):
                keys = {item["key"] for item in source["items"]}
                found.setdefault(source["secretName"], set()).update(keys)
    return found


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


def logs_in(kubectl: Kubectl, account: str, namespace: str, read: str) -> str:
    """What OpenBao answers to a service account that logs in as the stack's and reads a path."""
    token = kubectl.must("create", "token", account, f"-n={namespace}", "--audience=vault")
    script = (
        'unset BAO_TOKEN; read -r other; BAO_TOKEN=$(printf %s "$other" | '
        "bao write -field=token auth/kubernetes/login role=qudag-mcp jwt=- 2>&1) || "
        f'{{ echo "refused: $BAO_TOKEN"; exit 0; }}; export BAO_TOKEN; {read} 2>&1 || true'
    )
    return as_operator(kubectl, script, [token.strip()])


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


@dataclass
class Calls:
    """Clients of the official SDK that write and read rows until they are told to stop.

    Attributes:
        answered: calls with the right answer.
        lost: what became of each other call.
    """

    platform: Platform
    stop: threading.Event = field(default_factory=threading.Event)
    answered: int = 0
    lost: list[str] = field(default_factory=list[str])

    def run(self) -> None:
        anyio.run(self._run)

    async def _run(self) -> None:
        async with anyio.create_task_group() as group:
            for number, era in enumerate(CALLERS):
                group.start_soon(self._call, number, era)

    async def _call(self, number: int, era: Era) -> None:
        while not self.stop.is_set():
            try:
                endpoint = self.platform.endpoint(subject=f"caller-{number}")
                async with connected(endpoint, era) as client:
                    await self._rows(client, number)
            except (ProblemReport, OSError) as failure:
                self.lost.append(str(failure))
                await anyio.sleep(1)

    async def _rows(self, client: Any, number: int) -> None:
        row = {"name": f"row of {number}"}
        while not self.stop.is_set():
            text = f"{number} at {self.answered}"
            for tool, arguments in (("remember", {**row, "text": text}), ("recall", row)):
                result = await client.call_tool(tool, arguments)
                if result.is_error or (tool == "recall" and text_of(result) != text):
                    self.lost.append(f"{tool}: {text_of(result)}")
                else:
                    self.answered += 1
                await anyio.sleep(SECONDS_BETWEEN_CALLS)


def log(platform: Platform, workload: str) -> str:
    (pod,) = platform.pods(workload)
    return platform.kubectl.must("logs", pod["metadata"]["name"], f"--namespace={NAMESPACE}")


def in_pod(platform: Platform, workload: str, script: str, password: str) -> str:
    """What a script prints in a pod; it reads the password from its standard input."""
    (pod,) = platform.pods(workload)
    where = ("exec", "--stdin", f"--namespace={NAMESPACE}", pod["metadata"]["name"], "--")
    return platform.kubectl.must(*where, "sh", "-c", script, stdin=password + "\n")


def database_accepts(platform: Platform, password: str) -> bool:
    script = (
        "read -r PGPASSWORD; export PGPASSWORD; psql --no-psqlrc --no-password --command='SELECT 1'"
        " 'host=127.0.0.1 sslmode=require user=qudag dbname=qudag_mcp' 2>&1 || true"
    )
    said = in_pod(platform, "postgres", script, password)
    assert "(1 row)" in said or "password authentication failed" in said, said
    return "(1 row)" in said


def cache_accepts(platform: Platform, password: str) -> bool:
    script = (
        "read -r REDISCLI_AUTH; export REDISCLI_AUTH; "
        "valkey-cli -h 127.0.0.1 -p 6379 --tls --insecure --user mcp-server PING 2>&1 || true"
    )
    said = in_pod(platform, "redis", script, password)
    assert "PONG" in said or "WRONGPASS" in said or "NOAUTH" in said, said
    return "PONG" in said


def password_of_the_server(platform: Platform) -> str:
    """The password of Valkey's user as the server's pod has it: the first line of its file."""
    (pod,) = platform.pods("mcp-server")
    (volume,) = (
        one["name"]
        for one in pod["spec"]["volumes"]
        if one.get("secret", {}).get("secretName") == CACHE[0]
    )
    (path, container), *_ = (
        (mount["mountPath"], each["name"])
        for each in pod["spec"]["containers"]
        for mount in each["volumeMounts"]
        if mount["name"] == volume
    )
    where = (f"--namespace={NAMESPACE}", pod["metadata"]["name"], f"--container={container}")
    return platform.kubectl.must("exec", *where, "--", "cat", f"{path}/{CACHE[1]}").split("\n")[0]


def rotate_the_cache(platform: Platform, old: str, new: str) -> None:
    """The three steps of docs/how-to/rotate-secrets.md."""
    for value in (f"{old}\n{new}", f"{new}\n{old}", new):
        loaded = log(platform, "redis").count("Users loaded again")
        change(platform.kubectl, CACHE, value)
        until(
            lambda loaded=loaded: log(platform, "redis").count("Users loaded again") > loaded,
            ROTATED_WITHIN,
        )
        # The kubelet updates the files of each pod at a time of its own.
        first = value.split("\n")[0]
        until(lambda first=first: password_of_the_server(platform) == first, ROTATED_WITHIN)


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


def server_pods(platform: Platform) -> dict[str, int]:
    """The restarts of each pod, by uid."""
    return {
        pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in platform.pods()
        if pod["status"]["phase"] == "Running"
    }


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
