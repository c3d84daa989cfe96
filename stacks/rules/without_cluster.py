"""What a stack without a cluster may set: other sections would have no effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from components.base.problems import Problem

from ..config.section import Section
from ..config.stack import StackConfig
from ..data_kinds import KINDS, chosen_kind
from .rule import Rule, at

EFFECTIVE: Final = frozenset(
    {
        *("environment", "protocol", "limits", "clouds", "serverless", "containers"),
        *("images.server", "edge.maxBody", "edge.tlsMinimum", "observability.logLevel"),
        *("observability.alerts.objectives", "observability.alerts.thresholds"),
        # Like a section of a cloud that is switched off, the one with the switch keeps its fields.
        "kubernetes",
        # Rules of their own refuse them.
        *("servers", "additionalDomains"),
    }
)
"""Paths of sections and fields that servers in clouds read; a new one is not among them."""


def _has_effect(config: StackConfig, path: str) -> bool:
    """Whether the path, or what it contains, is read for clouds, given the rest of the file."""
    if path == "data":
        # Of another kind a cloud makes the store, or the rules of data refuse it.
        return any(
            chosen_kind(config, store) is not next(iter(kinds.values()))
            for store, kinds in KINDS.items()
        )
    if path == "backup":
        # To refuse it would be to ask for the deletion of the bucket.
        return config.backup is not None and config.backup.bucket.create is not None
    return path in EFFECTIVE or (path == "topology" and config.topology == "none")


def _without_effect(config: StackConfig, section: Section, within: str = "") -> Iterator[str]:
    """Paths of fields that are written, differ from their default and are read by nothing."""
    for name in type(section).model_fields:
        field, value = type(section).model_fields[name], getattr(section, name)
        path = f"{within}{field.alias}"
        usual: Any = field.get_default(call_default_factory=True)
        if name not in section.model_fields_set or value == usual or _has_effect(config, path):
            continue
        inside = any(one.startswith(f"{path}.") for one in EFFECTIVE)
        if inside and isinstance(value, Section):
            yield from _without_effect(config, value, f"{path}.")
        else:
            yield path


def _is_read(section: str) -> Rule:
    def apply(config: StackConfig) -> Iterable[Problem]:
        if config.kubernetes.enabled:
            return
        for path in _without_effect(config, config):
            if path == section or path.startswith(f"{section}."):
                yield at(
                    path,
                    "is set, and kubernetes.enabled is false",
                    "it would have no effect: only the platform in a cluster reads it",
                    "leave it out, or set kubernetes.enabled: true",
                )

    return apply


WITHOUT_CLUSTER_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("kubernetes.enabled", section), _is_read(section))
    for section in (str(field.alias) for field in StackConfig.model_fields.values())
    if section not in EFFECTIVE
]
"""Each rule with what it reads: one for each section, as others can be wrong."""
