"""`verify` names the Secrets whose values are older than the interval, with a real API server."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.checks import Check, CheckStatus
from delivery.checks.secret_ages import check_ages
from delivery.kubectl import Kubectl

LONG_AGO = "2026-01-02T03:04:05Z"
NOW = datetime.now(UTC)
DAYS = (NOW - datetime.fromisoformat(LONG_AGO)).days


@pytest.fixture
def space(kubectl: Kubectl) -> str:
    name = f"s{uuid.uuid4().hex[:8]}"
    kubectl.must("create", "namespace", name)
    return name


def secret(kubectl: Kubectl, space: str, name: str, *, old: bool = False) -> None:
    """Make a Secret that was changed now, or long ago."""
    kubectl.must("create", "secret", "generic", name, "--from-literal=key=value", f"-n={space}")
    if old:
        (made,) = kubectl.objects("secret", name, f"-n={space}", "--show-managed-fields")
        (entry,) = made["metadata"]["managedFields"]
        # The API server ignores another time alone.
        entries = [{**entry, "manager": "earlier", "time": LONG_AGO}]
        change = {"op": "replace", "path": "/metadata/managedFields", "value": entries}
        patch = f"--patch={json.dumps([change])}"
        kubectl.must("patch", "secret", name, f"-n={space}", "--type=json", patch)


def checked(kubectl: Kubectl, space: str, *names: str, keys: tuple[str, ...] = ("key",)) -> Check:
    required = [{"namespace": space, "name": name, "kind": "given", "keys": keys} for name in names]
    outputs: dict[str, Any] = {"required_secrets": required, "secret_rotation_days": 90}
    (found,) = check_ages(kubectl, outputs)
    return found


def test_secrets_that_were_changed_lately_are_no_warning(kubectl: Kubectl, space: str) -> None:
    for name in ("passwords", "keys"):
        secret(kubectl, space, name)
    found = checked(kubectl, space, "passwords", "keys", "absent")
    assert (found.status, found.found) == (CheckStatus.OK, "2 changed within 90 days")


def test_each_older_secret_is_named_and_no_other(kubectl: Kubectl, space: str) -> None:
    secret(kubectl, space, "passwords", old=True)
    secret(kubectl, space, "keys")
    secret(kubectl, space, "tls", old=True)
    found = checked(kubectl, space, "passwords", "keys", "tls")
    assert found.status is CheckStatus.WARNING
    assert not found.problems, "it is no failure"
    assert f"Secret/{space}/passwords ({DAYS} days), Secret/{space}/tls" in found.found
    assert "keys" not in found.found


def test_the_interval_counts_from_the_last_change_of_a_value(kubectl: Kubectl, space: str) -> None:
    secret(kubectl, space, "passwords", old=True)
    # Somebody else's label is no new value.
    kubectl.must("label", "secret", "passwords", f"-n={space}", "team=a", "--field-manager=other")
    assert checked(kubectl, space, "passwords").status is CheckStatus.WARNING
    new = '{"stringData": {"key": "another"}}'
    kubectl.must("patch", "secret", "passwords", f"-n={space}", f"--patch={new}")
    assert checked(kubectl, space, "passwords").status is CheckStatus.OK


def test_where_no_change_is_recorded_the_creation_counts(kubectl: Kubectl, space: str) -> None:
    secret(kubectl, space, "passwords")
    empty = '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]'
    kubectl.must("patch", "secret", "passwords", f"-n={space}", "--type=json", f"--patch={empty}")
    outputs = {
        "required_secrets": [
            {"namespace": space, "name": "passwords", "kind": "given", "keys": ["key"]}
        ],
        "secret_rotation_days": 90,
    }
    for days, status in ((89, CheckStatus.OK), (91, CheckStatus.WARNING)):
        (found,) = check_ages(kubectl, outputs, now=NOW + timedelta(days=days))
        assert found.status is status


def test_a_public_certificate_is_not_rotated(kubectl: Kubectl, space: str) -> None:
    secret(kubectl, space, "authority", old=True)
    assert checked(kubectl, space, "authority", keys=("ca.crt",)).status is CheckStatus.OK


def test_a_person_who_may_read_named_secrets_alone_sees_their_ages(
    kubectl: Kubectl, space: str
) -> None:
    """As the role `admin` of a stack: `get` by name, and no `list`."""
    secret(kubectl, space, "passwords", old=True)
    secret(kubectl, space, "keys")
    may = ("--verb=get", "--resource=secrets", "--resource-name=passwords")
    account = f"--serviceaccount={space}:reader"
    kubectl.must("create", "serviceaccount", "reader", f"-n={space}")
    kubectl.must("create", "role", "reader", f"-n={space}", *may)
    kubectl.must("create", "rolebinding", "reader", f"-n={space}", "--role=reader", account)
    reader = _As(kubectl, f"system:serviceaccount:{space}:reader")
    assert checked(reader, space, "passwords").status is CheckStatus.WARNING
    refused = checked(reader, space, "passwords", "keys")
    assert refused.status is CheckStatus.NOT_CHECKED
    assert "forbidden" in refused.found.lower()


class _As(Kubectl):
    """The same kubectl as somebody else."""

    def __init__(self, kubectl: Kubectl, user: str) -> None:
        super().__init__(kubectl.program, kubectl.context, kubectl.kubeconfig)
        object.__setattr__(self, "user", user)

    def argv(self, *arguments: str) -> list[Any]:
        return super().argv(f"--as={vars(self)['user']}", *arguments)
