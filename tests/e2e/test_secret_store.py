"""The example of OpenBao on real pods of the local node, where `up` runs the store."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Generator
from typing import Any, Final

import pytest

from delivery import cluster
from delivery.kubectl import Kubectl
from delivery.local_openbao.logins import as_operator
from delivery.state_folders import state_folder
from tests.harness import secret_store
from tests.harness.deployed_platform import (
    ROOT,
    Platform,
    Ran,
    stack_options,
    verb,
)
from tests.harness.example_stacks import Running, running
from tests.harness.server import until

EXAMPLE: Final = ROOT / "examples/secrets/Pulumi.openbao.yaml"
NAMESPACE: Final = "qudag-mcp-openbao"
STORE: Final = "secrets"
DATABASE: Final = ("mcp-server-secrets", "database-password")
CACHE: Final = ("mcp-valkey-mcp-server", "password")
STORE_STEP: Final = "OpenBao and External Secrets, for development alone"
REFRESHED_WITHIN: Final = 60


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
