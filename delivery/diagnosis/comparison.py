"""Compares the objects in a cluster with those that the stack's program describes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from components.base.problems import Problem

from ..applyset import as_list
from ..kubectl import FIELD_MANAGER, Kubectl, Object, explain, listed, reference
from ..server_side_apply import content
from .cause import Cause, Rank
from .evidence import Evidence

_CONSEQUENCES: Final = {
    "NetworkPolicy": "connections that the platform needs are blocked, or others are allowed",
    "Service": "nothing finds the pods behind that name",
    "ConfigMap": "programs start with other settings, or do not start",
    "Namespace": "the platform has no place",
    "ServiceAccount": "no pod of that account can be made",
    "PersistentVolumeClaim": "pods wait for that volume",
    "ResourceQuota": "pods are refused, or take more than the stack allows",
}
SHOWN: Final = 4


def compare(kubectl: Kubectl, wanted: Sequence[Object], evidence: Evidence) -> None:
    """Ask the API server what an apply of the stack would change, without changing it.

    It is asked as another field manager, so that fields which the stack does not set are left out.
    """
    # A Job is deleted after some time; images depend on what the machine had when it deployed.
    lasting = [thing for thing in wanted if thing["kind"] != "Job"]
    present = kubectl.run(
        "get", "--ignore-not-found", "--output=json", "--filename=-", stdin=as_list(lasting)
    )
    applied = kubectl.run(
        *("apply", "--server-side", "--dry-run=server", "--force-conflicts"),
        *(f"--field-manager={FIELD_MANAGER}-diagnosis", "--output=json", "--filename=-"),
        stdin=as_list(lasting),
    )
    if not present.ok:
        evidence.unread["comparison"] = explain(present.err, kubectl.context)[0].what
        return
    if not applied.ok:  # of objects that the API server refuses, only their presence is known
        evidence.unread["comparison of fields"] = explain(applied.err, kubectl.context)[0].what
    before = {reference(thing): thing for thing in listed(present.out)}
    after = {reference(thing): thing for thing in listed(applied.out)}
    evidence.differences = {
        **{reference(one): None for one in lasting if reference(one) not in before},
        **{
            name: fields
            for name, thing in after.items()
            if name in before and (fields := dict(_fields(content(before[name]), content(thing))))
        },
    }


def _fields(now: Any, then: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Paths at which two values differ, with both."""
    if isinstance(now, dict) and isinstance(then, dict):
        one, other = cast("Object", now), cast("Object", then)
        for key in sorted({*one, *other} - {"image"}):
            yield from _fields(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(now, list) and isinstance(then, list):
        here, there = _by_name(cast("list[Any]", now)), _by_name(cast("list[Any]", then))
        for name in {**here, **there}:
            yield from _fields(here.get(name), there.get(name), f"{path}[{name}]")
    elif now != then:
        yield path, (now, then)


def _by_name(items: list[Any]) -> dict[str, Any]:
    """The items of a list by their names, or by their numbers."""
    return {
        str(cast("Object", item).get("name", number) if isinstance(item, dict) else number): item
        for number, item in enumerate(items)
    }


def differing(evidence: Evidence) -> Iterator[Cause]:
    """Objects that are absent, or not as the stack's program describes them."""
    for name, fields in evidence.differences.items():
        kind = name.partition("/")[0]
        if fields is None:
            yield Cause(
                Rank.ABSENT,
                Problem(
                    name,
                    "it is absent, and the stack has it",
                    _CONSEQUENCES.get(kind, "the platform is not complete"),
                    "make up creates it again",
                ),
            )
            continue
        shown = [
            f"{path} is {_said(now)}, not {_said(then)}" for path, (now, then) in fields.items()
        ]
        more = f"; and {len(shown) - SHOWN} fields more" if len(shown) > SHOWN else ""
        yield Cause(
            Rank.CHANGED,
            Problem(
                name,
                f"it is not as the stack describes it: {'; '.join(shown[:SHOWN])}{more}",
                _CONSEQUENCES.get(kind, "it was changed by hand, or the stack was not deployed"),
                "make up sets it again; to keep the change, write it into the stack file",
            ),
        )


def _said(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
