"""PromQL of the panels; it names metrics and labels of the platform's list only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...mcp.metrics import EXPORTED

TARGET_LABELS: Final = frozenset({"namespace", "job", "pod"})
"""Labels that a scrape sets: the namespace, the workload's name, and the pod."""
SELECTED: Final = 'namespace=~"$namespace"'
"""What the variables of a dashboard select."""
INTERVAL: Final = "$__rate_interval"


def selector(metric: str, *matchers: str, suffix: str = "") -> str:
    """The series of a metric in the namespaces and jobs that the dashboard's variables select.

    Args:
        metric: a name of the list; ``up`` is set by Prometheus itself.
        matchers: further ones, such as ``status="ok"``.
        suffix: ``_bucket``, ``_count`` or ``_sum`` of a histogram.

    Raises:
        ValueError: the list has no such metric, or the metric has no such label.
    """
    labels = {matcher.split("=")[0].rstrip("!") for matcher in matchers}
    _check(metric, labels)
    if suffix and EXPORTED[metric].kind != "histogram":
        raise ValueError(f"{metric} is no histogram, so that it has no {suffix}")
    chosen = (SELECTED, 'job=~"$job"', *matchers)
    return f"{metric}{suffix}{{{','.join(chosen)}}}"


def rate(
    metric: str, *matchers: str, by: Sequence[str] = (), over: str = INTERVAL, suffix: str = ""
) -> str:
    """How often a counter counts in a second, summed over all labels but ``by``."""
    return total(f"rate({selector(metric, *matchers, suffix=suffix)}[{over}])", metric, by=by)


def gauge(metric: str, *matchers: str, by: Sequence[str] = (), how: str = "sum") -> str:
    """The values of a gauge now, put together with ``how`` for each value of the labels ``by``."""
    return total(selector(metric, *matchers), metric, by=by, how=how)


def quantile(share: float, metric: str, *matchers: str, by: Sequence[str] = ()) -> str:
    """The value of a histogram under which a ``share`` of the observations lie."""
    buckets = rate(metric, *matchers, by=("le", *by), suffix="_bucket")
    return f"histogram_quantile({share:g}, {buckets})"


def ratio(part: str, whole: str) -> str:
    """``part`` of ``whole``; nothing while there is nothing of which it could be a part."""
    return f"{part} / ({whole} > 0)"


def total(expression: str, metric: str, *, by: Sequence[str] = (), how: str = "sum") -> str:
    """An aggregation of an expression over a metric's labels."""
    _check(metric, set(by) - {"le"})
    return f"{how} by ({', '.join(by)}) ({expression})" if by else f"{how}({expression})"


def _check(metric: str, labels: set[str]) -> None:
    if metric == "up":
        known: set[str] = set()
    elif metric in EXPORTED:
        known = set(EXPORTED[metric].labels)
    else:
        raise ValueError(f"{metric} is in no exporter of components/mcp/metrics/")
    if unknown := labels - known - TARGET_LABELS:
        raise ValueError(f"{metric} has no label {', '.join(sorted(unknown))}")
