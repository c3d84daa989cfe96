"""A real External Secrets controller fills the Secrets of a stack from a real OpenBao."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from rich.console import Console

from delivery import applyset, local_secrets
from delivery.kubectl import Kubectl, Object
from delivery.local_secrets import RequiredSecret
from delivery.progress import Progress
from delivery.server_side_apply import Change, apply
from graph.manifests import manifests
from graph.resource_graph import ResourceGraph
from tests.harness import apiserver, secret_store
from tests.harness.apiserver import ApiServer
from tests.harness.secret_store import OpenBao
from tests.harness.server import until
from tests.harness.topologies import NETWORK
from tests.harness.user_servers import recorded

NAMESPACE: Final = "qudag-mcp-secrets-test"
WITHIN_SECONDS: Final = 90
API_KEY: Final = "planted-api-key-7f3a"
GIVEN: Final = {"llm-credentials": {"api-key": API_KEY}}


@dataclass
class Stack:
    """The stack in the API server."""

    server: ApiServer
    bao: OpenBao
    kubectl: Kubectl
    graph: ResourceGraph

    @property
    def required(self) -> list[RequiredSecret]:
        return [RequiredSecret.from_output(o) for o in self.graph.outputs["required_secrets"]]

    def deploy(self) -> dict[str, Change]:
        wanted = list(manifests(self.graph).values())
        progress = Progress(Console(file=io.StringIO()))
        made = applyset.prepare(self.kubectl, "secrets", wanted)
        return dict(apply(self.kubectl, "secrets", wanted, progress, made=made).changes)

    def has_entry(self, path: str) -> bool:
        """Whether OpenBao has the entry."""
        folder, _, name = path.rpartition("/")
        return name in self.bao.run("kv", "list", "-mount=secret", folder).split()

    def secret(self, name: str) -> dict[str, str]:
        """The values of a Secret; empty while it is absent."""
        found = self.kubectl.objects("secret", name, f"-n={NAMESPACE}")
        data: dict[str, str] = found[0].get("data", {}) if found else {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    built = secret_store.folder()
    if not built.is_dir():
        pytest.skip("External Secrets is not built; run tools/controllers/external_secrets/build")
    run = tmp_path_factory.mktemp("external-secrets")
    try:
        with (
            apiserver.api_server(run / "run") as server,
            secret_store.openbao(built, run) as bao,
            secret_store.external_secrets(server, built, run),
        ):
            bao.trust(server, NAMESPACE)
            for name, values in GIVEN.items():
                path = f"{NAMESPACE}/{name}"
                bao.run("kv", "put", "-mount=secret", path, "-", stdin=json.dumps(values))
            yield deployed(server, bao)
    except apiserver.NoServer as missing:
        pytest.skip(str(missing))


def deployed(server: ApiServer, bao: OpenBao) -> Stack:
    vault = {"address": bao.address, "role": "qudag-mcp", "ca": bao.ca_file.read_text()}
    weather = {
        "image": "ghcr.io/acme/weather:1",
        "secretEnv": {"API_KEY": "llm-credentials/api-key"},
    }
    sections: dict[str, Any] = {
        "topology": "microservices",
        "network": NETWORK,
        "kubernetes": {"namespace": NAMESPACE, "quota": None},
        "servers": {"weather": weather},
        "secrets": {
            "store": "vault",
            "certificateSource": "cluster",
            "refreshSeconds": 5,
            "vault": vault,
        },
    }
    context = server.kubectl("config", "current-context").stdout.strip()
    kubectl = Kubectl(server.programs / "kubectl", context, server.kubeconfig)
    stack = Stack(server, bao, kubectl, recorded(sections))
    stack.deploy()
    certificates = [one for one in stack.required if one.kind in CERTIFICATES]
    local_secrets.create(kubectl, certificates, [])
    return stack


CERTIFICATES: Final = ("certificate", "internal-certificate", "authority", "signing-key")


def condition(thing: Object) -> str:
    conditions = thing.get("status", {}).get("conditions", [])
    return next((one["status"] for one in conditions if one["type"] == "Ready"), "")


def test_every_secret_appears_with_the_keys_that_pods_mount(stack: Stack):
    for secret in stack.required:
        until(lambda secret=secret: bool(stack.secret(secret.name)), WITHIN_SECONDS)
        assert set(stack.secret(secret.name)) == set(secret.keys), secret.name
    assert stack.secret("llm-credentials") == GIVEN["llm-credentials"]


def test_random_values_are_in_the_store_and_in_the_secret(stack: Stack):
    random = [one for one in stack.required if one.kind in ("passwords", "master-keys")]
    assert random
    seen: list[str] = []
    for secret in random:
        until(lambda secret=secret: bool(stack.secret(secret.name)), WITHIN_SECONDS)
        values = stack.secret(secret.name)
        assert stack.bao.entry(f"{NAMESPACE}/{secret.name}") == values
        seen += values.values()
    assert len(set(seen)) == len(seen), "each key has a value of its own"
    assert all(len(value) >= 32 and value.isalnum() for value in seen)


def test_certificates_of_the_cluster_are_copied(stack: Stack):
    for secret in (one for one in stack.required if one.kind in CERTIFICATES):
        path = f"{NAMESPACE}/{secret.name}"
        until(lambda p=path: stack.has_entry(p), WITHIN_SECONDS)
        until(lambda p=path, s=secret: stack.bao.entry(p) == stack.secret(s.name), WITHIN_SECONDS)


def test_a_second_deployment_changes_nothing(stack: Stack):
    changes = stack.deploy()
    assert {name: one for name, one in changes.items() if one is not Change.UNCHANGED} == {}


def test_a_rotated_password_arrives_and_is_not_replaced(stack: Stack):
    name = "mcp-server-secrets"
    until(lambda: bool(stack.secret(name)), WITHIN_SECONDS)
    before = stack.secret(name)
    stack.bao.change(f"{NAMESPACE}/{name}", **{"database-password": "rotated-by-hand"})
    until(lambda: stack.secret(name)["database-password"] == "rotated-by-hand", WITHIN_SECONDS)
    # The PushSecret of the first, random value runs again: at least one more refresh.
    pushed = f"pushsecrets.external-secrets.io/{name}"

    def refreshed() -> str:
        (one,) = stack.kubectl.objects(pushed, f"-n={NAMESPACE}")
        assert condition(one) == "True"
        return one["status"]["refreshTime"]

    first = refreshed()
    until(lambda: refreshed() != first, WITHIN_SECONDS)
    entry = stack.bao.entry(f"{NAMESPACE}/{name}")
    assert entry == {**before, "database-password": "rotated-by-hand"}
    assert stack.secret(name) == entry


def test_no_value_is_in_an_object_of_the_program(stack: Stack):
    """Values that are planted in the store are found in the Secrets alone."""
    values = {API_KEY}
    for secret in stack.required:
        values |= set(stack.secret(secret.name).values())
    texts = {"graph": stack.graph.to_json(), "manifests": json.dumps(manifests(stack.graph))}
    kinds = "secretstores,externalsecrets,pushsecrets,passwords,configmaps,deployments,statefulsets"
    texts["cluster"] = stack.server.kubectl("get", kinds, "-n", NAMESPACE, "-o=json").stdout
    texts["events"] = stack.server.kubectl("get", "events", "-n", NAMESPACE, "-o=json").stdout
    public = {
        v for s in stack.required if s.kind == "authority" for v in stack.secret(s.name).values()
    }
    for where, text in texts.items():
        for value in values - public:
            assert value not in text, where
            assert base64.b64encode(value.encode()).decode() not in text, where


def test_a_deleted_external_secret_leaves_its_secret(stack: Stack):
    name = "llm-credentials"
    until(lambda: bool(stack.secret(name)), WITHIN_SECONDS)
    gone = stack.server.kubectl(
        "delete", f"externalsecrets.external-secrets.io/{name}", "-n", NAMESPACE, "--wait=true"
    )
    assert gone.returncode == 0, gone.stderr
    assert stack.secret(name) == GIVEN[name]
    (now,) = stack.kubectl.objects("secret", name, f"-n={NAMESPACE}")
    assert not now["metadata"].get("ownerReferences")
