"""What images of a user export: recording rules for models and the business, and an alert.

An image names its metrics as it likes. The rules record those that a stack names under names that
are the same for every server (S3: model accuracy, inference time, user activity, feature usage).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from .alert import Alert, RecordingRule
from .options import RuleOptions
from .targets import EXPORTER, JOB

_OF_PODS: Final = "instance, pod, container, endpoint, namespace"
"""Labels of the pod, which a series of the server does not have."""
_RECORDED: Final[Mapping[str, tuple[str, str]]] = {
    "accuracy": ("job:model_accuracy:min", f"min without ({_OF_PODS}) ({{name}}{{of}})"),
    "inference_seconds": (
        "job:model_inference_seconds:p95_rate5m",
        f"histogram_quantile(0.95, sum without ({_OF_PODS}) (rate({{name}}_bucket{{of}}[5m])))",
    ),
    "active_users": ("job:active_users:sum", f"sum without ({_OF_PODS}) ({{name}}{{of}})"),
    "feature_uses": (
        "job:feature_uses:rate5m",
        f"sum without ({_OF_PODS}) (rate({{name}}{{of}}[5m]))",
    ),
}
"""Name and expression of the recorded series, by the field of ``MonitoredServer.named``."""


def recorded(options: RuleOptions) -> Iterator[RecordingRule]:
    """A series for each metric that a server's entry names."""
    for server in options.servers:
        for field, name in server.named.items():
            record, expression = _RECORDED[field]
            of = f'{{{EXPORTER}="image",{JOB}="{server.name}",{options.within}}}'
            yield RecordingRule(
                name=record,
                expression=expression.replace("{name}", name).replace("{of}", of),
                source="S3",
            )


def image_metric_names(options: RuleOptions) -> frozenset[str]:
    """The names of series that only images export."""
    return frozenset(
        f"{name}_bucket" if field == "inference_seconds" else name
        for server in options.servers
        for field, name in server.named.items()
    )


def alerts(options: RuleOptions) -> Iterator[Alert]:
    """That the metrics of an image cannot be read."""
    if not any(server.image_metrics for server in options.servers):
        return
    yield Alert(
        name="ImageMetricsMissing",
        severity="warning",
        team="servers",
        scope="server",
        expression=f'up{{{EXPORTER}="image",{options.within}}} == 0',
        duration="10m",
        summary="The metrics of a server's image cannot be read",
        description="{{ $labels.pod }} of {{ $labels.job }} has had no page with metrics for more "
        "than 10 minutes.",
        dashboard="overview",
    )
