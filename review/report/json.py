"""Previews as JSON: the same facts as the other forms, complete, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from graph.resource_graph import ResourceGraph
from policies.finding import Finding

from ..diff import Change
from ..preview import Comparison
from ..properties import PropertyChange
from ..risk import Risk, broken_rules
from ..risks.capacity import peak
from .contents import of_change
from .phrases import kinds


def inventory(graph: ResourceGraph, findings: Iterable[Finding] = ()) -> str:
    """What a stack is: ``graph.json`` with its counts, broken rules and what it asks for."""
    return _written(
        json.loads(graph.to_json())
        | {
            "risks": [_risk(risk) for risk in broken_rules(findings)],
            "kinds": kinds(graph),
            "notices": _notices(graph),
            "outputs": graph.outputs,
            "peak": peak(graph).written(),
        }
    )


def comparison(found: Comparison) -> str:
    """What a change does."""
    diff, contents = found.diff, of_change(found)
    return _written(
        {
            "project": diff.after.project,
            "stack": diff.after.stack,
            "base": {"name": found.base, "commit": found.commit},
            "counts": {str(action): count for action, count in diff.counts().items()},
            "unchanged": diff.unchanged,
            "peak": {"old": peak(diff.before).written(), "new": peak(diff.after).written()},
            "risks": [_risk(risk) for risk in found.risks],
            "costs": [vars(one) for one in contents.costs],
            "notices": _notices(diff.after),
            "unknown": [vars(one) for one in contents.unknown],
            "changes": [_change(change) for change in diff.changes],
            "outputs": [_property(output) for output in diff.outputs],
        }
    )


def _risk(risk: Risk) -> dict[str, str]:
    written = {"class": str(risk.risk), "urn": risk.urn, "what": risk.what}
    if (finding := risk.finding) is None:
        return written
    written |= {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "reference": finding.reference,
        "path": finding.problem.path,
        "fix": finding.problem.fix,
    }
    return written if finding.waiver is None else written | {"waiver": finding.waiver}


def _notices(graph: ResourceGraph) -> list[dict[str, str]]:
    return [vars(notice) for notice in graph.notices]


def _change(change: Change) -> dict[str, Any]:
    resource = change.resource
    stated: dict[str, Any] = {
        "action": str(change.action),
        "urn": resource.urn,
        "type": resource.type,
        "name": resource.name,
        "custom": resource.custom,
        "properties": [_property(found) for found in change.properties],
    }
    if change.before is None or change.after is None:
        stated["inputs"] = resource.inputs
    if change.replacing:
        stated["replacing"] = list(change.replacing)
    if change.moved_from:
        stated["movedFrom"] = change.moved_from
    return stated


def _property(found: PropertyChange) -> dict[str, Any]:
    values = {"old": found.old, "new": found.new}
    named = {name: value for name, value in values.items() if value is not None}
    return {"path": found.path, "difference": str(found.difference)} | named


def _written(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
