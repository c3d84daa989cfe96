"""A real External Secrets controller fills the Secrets of a stack from a real OpenBao."""

from __future__ import annotations

import base64
import json

from delivery.kubectl import Object
from delivery.server_side_apply import Change
from graph.manifests import manifests
from tests.controllers.stored_secrets import (
    API_KEY,
    CERTIFICATES,
    GIVEN,
    NAMESPACE,
    WITHIN_SECONDS,
    Stack,
)
from tests.harness.server import until


def condition(thing: Object) -> str:
    conditions = thing.get("status", {}).get("conditions", [])
    return next((one["status"] for one in conditions if one["type"] == "Ready"), "")


def test_every_secret_appears_with_the_keys_that_pods_mount(stored: Stack):
    for secret in stored.required:
        until(lambda secret=secret: bool(stored.secret(secret.name)), WITHIN_SECONDS)
        assert set(stored.secret(secret.name)) == set(secret.keys), secret.name
    assert stored.secret("llm-credentials") == GIVEN["llm-credentials"]


def test_random_values_are_in_the_store_and_in_the_secret(stored: Stack):
    random = [one for one in stored.required if one.kind in ("passwords", "master-keys")]
    assert random
    seen: list[str] = []
    for secret in random:
        until(lambda secret=secret: bool(stored.secret(secret.name)), WITHIN_SECONDS)
        values = stored.secret(secret.name)
        assert stored.bao.entry(f"{NAMESPACE}/{secret.name}") == values
        seen += values.values()
    assert len(set(seen)) == len(seen), "each key has a value of its own"
    assert all(len(value) >= 32 and value.isalnum() for value in seen)


def test_certificates_of_the_cluster_are_copied(stored: Stack):
    for secret in (one for one in stored.required if one.kind in CERTIFICATES):
        path = f"{NAMESPACE}/{secret.name}"
        until(lambda p=path: stored.has_entry(p), WITHIN_SECONDS)
        until(lambda p=path, s=secret: stored.bao.entry(p) == stored.secret(s.name), WITHIN_SECONDS)


def test_a_second_deployment_changes_nothing(stored: Stack):
    changes = stored.deploy()
    assert {name: one for name, one in changes.items() if one is not Change.UNCHANGED} == {}


def test_a_rotated_password_arrives_and_is_not_replaced(stored: Stack):
    name = "mcp-server-secrets"
    until(lambda: bool(stored.secret(name)), WITHIN_SECONDS)
    before = stored.secret(name)
    stored.bao.change(f"{NAMESPACE}/{name}", **{"database-password": "rotated-by-hand"})
    until(lambda: stored.secret(name)["database-password"] == "rotated-by-hand", WITHIN_SECONDS)
    # The PushSecret of the first, random value runs again: at least one more refresh.
    pushed = f"pushsecrets.external-secrets.io/{name}"

    def refreshed() -> str:
        (one,) = stored.kubectl.objects(pushed, f"-n={NAMESPACE}")
        assert condition(one) == "True"
        return one["status"]["refreshTime"]

    first = refreshed()
    until(lambda: refreshed() != first, WITHIN_SECONDS)
    entry = stored.bao.entry(f"{NAMESPACE}/{name}")
    assert entry == {**before, "database-password": "rotated-by-hand"}
    assert stored.secret(name) == entry


def test_no_value_is_in_an_object_of_the_program(stored: Stack):
    """Values that are planted in the store are found in the Secrets alone."""
    values = {API_KEY}
    for secret in stored.required:
        values |= set(stored.secret(secret.name).values())
    texts = {"graph": stored.graph.to_json(), "manifests": json.dumps(manifests(stored.graph))}
    kinds = "secretstores,externalsecrets,pushsecrets,passwords,configmaps,deployments,statefulsets"
    texts["cluster"] = stored.server.kubectl("get", kinds, "-n", NAMESPACE, "-o=json").stdout
    texts["events"] = stored.server.kubectl("get", "events", "-n", NAMESPACE, "-o=json").stdout
    public = {
        v for s in stored.required if s.kind == "authority" for v in stored.secret(s.name).values()
    }
    for where, text in texts.items():
        for value in values - public:
            assert value not in text, where
            assert base64.b64encode(value.encode()).decode() not in text, where


def test_a_deleted_external_secret_leaves_its_secret(stored: Stack):
    name = "llm-credentials"
    until(lambda: bool(stored.secret(name)), WITHIN_SECONDS)
    gone = stored.server.kubectl(
        "delete", f"externalsecrets.external-secrets.io/{name}", "-n", NAMESPACE, "--wait=true"
    )
    assert gone.returncode == 0, gone.stderr
    assert stored.secret(name) == GIVEN[name]
    (now,) = stored.kubectl.objects("secret", name, f"-n={NAMESPACE}")
    assert not now["metadata"].get("ownerReferences")
