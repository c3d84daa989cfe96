"""Compares the objects in a cluster with those that the stack's program describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from components.base.problems import Problem

from ..applyset import as_list
from ..kubectl import FIELD_MANAGER, Kubectl, Object, explain, listed, reference
from ..process import Outcome
from ..server_side_apply import content, other_managers, with_template_sizes
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
        *("get", "--ignore-not-found", "--show-managed-fields", "--output=json", "--filename=-"),
        stdin=as_list(lasting),
    )
    if not present.ok:
        evidence.unread["comparison"] = explain(present.err, kubectl.context)[0].what
        return
    before = {reference(thing): thing for thing in listed(present.out)}
    evidence.managers = {name: other_managers(thing) for name, thing in before.items()}
    asked = [with_template_sizes(thing, before.get(reference(thing))) for thing in lasting]
    applied = _dry_run(kubectl, asked)
    if not applied.ok and (refused := _refused(applied.err, asked)):
        # Of all objects kubectl returns none if the API server refuses one.
        evidence.refused = refused
        applied = _dry_run(kubectl, [one for one in asked if reference(one) not in refused])
    if not applied.ok:  # of objects that the API server refuses, only their presence is known
        evidence.unread["comparison of fields"] = explain(applied.err, kubectl.context)[0].what
    after = {reference(thing): thing for thing in listed(applied.out)}
    evidence.differences = {
        **{reference(one): None for one in lasting if reference(one) not in before},
        **{
            name: fields
            for name, thing in after.items()
            if name in before and (fields := dict(_fields(content(before[name]), content(thing))))
        },
    }


def _dry_run(kubectl: Kubectl, wanted: Sequence[Object]) -> Outcome:
    return kubectl.run(
        *("apply", "--server-side", "--dry-run=server", "--force-conflicts"),
        *(f"--field-manager={FIELD_MANAGER}-diagnosis", "--output=json", "--filename=-"),
        stdin=as_list(wanted),
    )


_INVALID: Final = re.compile(r'^The (?P<kind>\w+) "(?P<name>[^"]+)" is invalid: (?P<why>.+)$', re.M)


def _refused(complaint: str, asked: Sequence[Object]) -> dict[str, str]:
    """By reference, why the API server refuses objects, if it names them."""
    why = {(one["kind"], one["name"]): one["why"] for one in _INVALID.finditer(complaint)}
    named = {(thing["kind"], thing["metadata"]["name"]): reference(thing) for thing in asked}
    return {named[key]: text for key, text in why.items() if key in named}


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
        others = evidence.managers.get(name)
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
                f"undo it there (kubectl edit): make up overwrites nothing that "
                f"{' and '.join(others)} set; to keep the change, write it into the stack file"
                if others
                else "make up sets it again; to keep the change, write it into the stack file",
            ),
        )
    for name, why in evidence.refused.items():
        yield Cause(
            Rank.CHANGED,
            Problem(
                name,
                f"it was changed, so that the API server refuses it as the stack has it: {why}",
                _CONSEQUENCES.get(name.partition("/")[0], "make up would stop at it"),
                "delete it, and run make up, which creates it again; or undo the change",
            ),
        )


def _said(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
