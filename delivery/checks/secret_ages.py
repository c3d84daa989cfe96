"""Checks how long ago the Secrets of a platform were changed. No value of a Secret is printed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from components.base.problems import ProblemReport

from ..kubectl import Kubectl
from ..local_secrets import RequiredSecret
from . import Check, CheckStatus, not_checked

NAME: Final = "age of secrets"
PUBLIC: Final = frozenset({"ca.crt"})
"""Keys with a certificate alone, which is no secret."""
_METADATA: Final = (
    "jsonpath={range .items[*]}{.metadata.name}{'\\t'}{.metadata.creationTimestamp}{'\\t'}"
    "{.metadata.managedFields}{'\\n'}{end}"
)
_ONE: Final = _METADATA.replace("{range .items[*]}", "").replace("{end}", "")


@dataclass(frozen=True)
class Age:
    """A Secret and the time of its last change, as far as the API server knows it."""

    reference: str
    changed: datetime


def check_ages(
    kubectl: Kubectl, outputs: Mapping[str, Any], *, now: datetime | None = None
) -> Iterator[Check]:
    """A warning that names each Secret older than the stack's interval; nothing for no stack.

    Args:
        kubectl: for the cluster of the platform.
        outputs: of the stack.
        now: the time to which ages are counted.
    """
    days = outputs.get("secret_rotation_days")
    if days is None:
        return
    started = time.monotonic()
    required = [RequiredSecret.from_output(one) for one in outputs["required_secrets"]]
    rotated = [secret for secret in required if not PUBLIC.issuperset(secret.keys)]
    try:
        ages = list(_ages(kubectl, rotated))
    except ProblemReport as report:
        yield not_checked(NAME, report.problems[0].what)
        return
    now = now or datetime.now(UTC)
    old = sorted(
        (one for one in ages if now - one.changed > timedelta(days=days)), key=lambda a: a.changed
    )
    if not old:
        found = f"{len(ages)} changed within {_days(days)}"
        yield Check(NAME, CheckStatus.OK, found, time.monotonic() - started)
        return
    named = ", ".join(f"{one.reference} ({_days((now - one.changed).days)})" for one in old)
    found = f"older than {_days(days)}: {named}; docs/how-to/rotate-secrets.md"
    yield Check(NAME, CheckStatus.WARNING, found, time.monotonic() - started)


def _days(number: float) -> str:
    return f"{number:g} day{'' if number == 1 else 's'}"


def _ages(kubectl: Kubectl, secrets: Sequence[RequiredSecret]) -> Iterator[Age]:
    for namespace in dict.fromkeys(secret.namespace for secret in secrets):
        names = [secret.name for secret in secrets if secret.namespace == namespace]
        # kubectl prints one object alone, and several as a list.
        output = _METADATA if len(names) > 1 else _ONE
        # By name: those who may read the named Secrets may not list all of them.
        printed = kubectl.must(
            "get", "secret", *names, f"-n={namespace}", "--ignore-not-found", f"--output={output}"
        )
        for line in filter(None, printed.splitlines()):
            name, created, fields = line.split("\t")
            yield Age(f"Secret/{namespace}/{name}", last_change(created, fields))


def last_change(created: str, managed_fields: str) -> datetime:
    """When the values of a Secret were changed last.

    The API server records when each program has changed one of the fields that it owns. It keeps
    one time for all of them: a program that changes a label and owns the values as well counts.

    Args:
        created: time of creation, which counts where nothing is recorded.
        managed_fields: ``metadata.managedFields`` as JSON, or empty.
    """
    entries: list[dict[str, Any]] = json.loads(managed_fields) if managed_fields else []
    times = [
        _time(entry["time"])
        for entry in entries
        if "time" in entry and "f:data" in entry.get("fieldsV1", {})
    ]
    return max(times, default=_time(created))


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written)
