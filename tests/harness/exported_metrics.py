"""Reads what a program exports for Prometheus, to compare it with the list of metrics."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from components.mcp.metrics import EXPORTED, ExportedMetric


def scraped(text: str) -> dict[str, tuple[str, frozenset[str], str]]:
    """Kind, labels and help text of each metric in an answer; the time of creation is none."""
    found: dict[str, tuple[str, frozenset[str], str]] = {}
    for family in text_string_to_metric_families(text):
        labels = {
            label
            for sample in family.samples
            if not sample.name.endswith("_created")
            for label in sample.labels
            if (family.type, label) != ("histogram", "le")
        }
        kind, name = family.type, family.name
        if name.endswith("_created"):
            continue
        if name.endswith("_info"):  # the text format has no type for it
            kind = EXPORTED[name].kind if name in EXPORTED else "info"
        name += "_total" if kind == "counter" else ""
        found[name] = kind, frozenset(labels), family.documentation
    return found


def listed(metrics: Mapping[str, ExportedMetric]) -> dict[str, tuple[str, frozenset[str], str]]:
    """The same of the list."""
    return {name: (one.kind, frozenset(one.labels), one.meaning) for name, one in metrics.items()}


def value(text: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples with these labels; 0 if there are none."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
