"""A running platform gets a store: its Secrets are copied there, and then read from there."""

from __future__ import annotations

import base64
import json

from delivery import local_secrets
from delivery.local_secrets import RequiredSecret
from tests.controllers.stored_secrets import GIVEN, MIGRATED, WITHIN_SECONDS, Stack, Store, stack_of
from tests.harness.server import until


def ready(stack: Stack, kind: str) -> dict[str, bool]:
    objects = stack.kubectl.objects(f"{kind}.external-secrets.io", f"-n={MIGRATED}")
    return {
        one["metadata"]["name"]: any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in one.get("status", {}).get("conditions", [])
        )
        for one in objects
    }


def all_ready(stack: Stack, kind: str) -> bool:
    found = ready(stack, kind)
    return bool(found) and all(found.values())


def make(stack: Stack, required: list[RequiredSecret]) -> None:
    """The Secrets of a platform without a store: random ones, and those that somebody gave."""
    given = {one.name: one for one in required if one.kind == "given"}
    for name, values in GIVEN.items():
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        metadata = {"name": name, "namespace": MIGRATED}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        stack.kubectl.must("create", "--filename=-", stdin=json.dumps(secret))
    assert set(given) == set(GIVEN)
    local_secrets.create(stack.kubectl, [one for one in required if one.kind != "given"], [])


def test_a_platform_with_secrets_is_moved_to_a_store_and_no_value_changes(store: Store):
    copying = stack_of(store, MIGRATED, source="cluster")
    names = [one.name for one in copying.required]
    copying.deploy()
    make(copying, copying.required)
    before = {name: copying.secret(name) for name in names}
    assert all(before.values())

    # Step 2 of docs/how-to/use-a-secret-store.md: wait for the copies.
    until(lambda: all_ready(copying, "pushsecrets"), WITHIN_SECONDS)
    assert set(ready(copying, "pushsecrets")) == set(names)
    for name in names:
        assert store.bao.entry(f"{MIGRATED}/{name}") == before[name], name

    # Step 3: the store is read. External Secrets takes the Secrets over.
    reading = stack_of(store, MIGRATED)
    reading.deploy()
    until(lambda: all_ready(reading, "externalsecrets"), WITHIN_SECONDS)
    until(lambda: all_ready(reading, "pushsecrets"), WITHIN_SECONDS)
    random = {one.name for one in reading.required if one.kind in ("passwords", "master-keys")}
    assert set(ready(reading, "pushsecrets")) == random, "nothing else is copied any more"
    for name in names:
        assert store.bao.entry(f"{MIGRATED}/{name}") == before[name], name
        assert reading.secret(name) == before[name], name

    # A value that is rotated in the store arrives, also in a Secret that existed before.
    store.bao.change(f"{MIGRATED}/llm-credentials", **{"api-key": "rotated"})
    until(lambda: reading.secret("llm-credentials") == {"api-key": "rotated"}, WITHIN_SECONDS)
