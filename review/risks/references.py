"""Finds changes of the Secrets that a resource reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graph.kubernetes import address, called, kind
from graph.tree import branch, dig, entries

from ..diff import Action, Change, Diff

# Kinds that are secrets, or say where a secret's value comes from.
_SECRET_KINDS = {
    "Secret",
    "ExternalSecret",
    "ClusterExternalSecret",
    "SecretStore",
    "ClusterSecretStore",
    "PushSecret",
    "SealedSecret",
}
# Properties whose mapping names a Secret, with the property of the name in it.
_REFERENCES = {
    "secretKeyRef": "name",
    "secretRef": "name",
    "secret": "secretName",
    "passwordSecret": "name",
    "credentials": "secretName",
}
_NAMES = {"secretName", "existingSecret"}
_LISTS = {"imagePullSecrets", "certificateRefs", "caCertificateRefs", "secretTargetRef"}


def secret_references(tree: Any) -> set[str]:
    """``name`` or ``name, key …`` of every Secret that a property tree refers to."""
    return set(_references(tree))


def _references(tree: Any) -> Iterator[str]:
    for item in entries(tree):
        yield from _references(item)
    for key, value in branch(tree).items():
        if key in _REFERENCES and isinstance(value, dict):
            named = dig(value, _REFERENCES[key]) or dig(value, "name")
            if named:
                yield from _with_keys(named, value)
                continue
        if key in _NAMES and isinstance(value, str):
            yield value
        if key in _LISTS:
            yield from (item["name"] for item in entries(value) if dig(item, "name"))
        yield from _references(value)


def _with_keys(name: str, reference: Any) -> Iterator[str]:
    keys = [dig(reference, "key"), *(dig(item, "key") for item in entries(reference, "items"))]
    stated = [f"{name}, key {key}" for key in keys if key]
    yield from stated or [name]


def changed_secret_references(change: Change, _diff: Diff) -> Iterator[str]:
    """A resource that stays reads another Secret, or a Secret itself or its source changes."""
    before, after = change.before, change.after
    if before is not None and kind(before) in _SECRET_KINDS and change.action is not Action.MOVE:
        done = {Action.DELETE: "deletes", Action.REPLACE: "replaces"}.get(change.action, "changes")
        yield f"{done} {kind(before)} {address(before)}"
        return
    if before is None or after is None:
        return
    old, new = secret_references(before.inputs), secret_references(after.inputs)
    yield from (f"{called(after)} no longer reads Secret {name}" for name in sorted(old - new))
    yield from (f"{called(after)} now reads Secret {name}" for name in sorted(new - old))
    marked = set(before.secret_inputs) ^ set(after.secret_inputs)
    for path in sorted(marked):
        verb = "is now" if path in after.secret_inputs else "is no longer"
        yield f"{called(after)}: {path} {verb} a secret value"
