"""Finds what is wrong with a deployed stack, the likeliest cause first."""

from __future__ import annotations

from collections.abc import Iterator

from .cause import Cause
from .comparison import differing
from .evidence import Evidence
from .log_causes import from_logs
from .object_causes import from_objects
from .pod_causes import from_pods
from .secret_causes import from_secrets

__all__ = ["Cause", "Evidence", "causes"]


def causes(evidence: Evidence) -> list[Cause]:
    """Everything that is wrong, the likeliest cause first; each once."""
    found = sorted(_all(evidence), key=lambda cause: cause.rank)
    return list({(cause.problem.path, cause.problem.what): cause for cause in found}.values())


def _all(evidence: Evidence) -> Iterator[Cause]:
    yield from differing(evidence)
    yield from from_objects(evidence)
    yield from from_secrets(evidence)
    yield from from_pods(evidence)
    yield from from_logs(evidence)
