"""Subsection `servers.<name>.metrics`: what the image of a server exports for Prometheus."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from components.base.constraints import Form

from .forms import constraint
from .section import Section

METRICS_PATH: Final = Form(
    name="metrics path",
    pattern="^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$",
    words="the path of a URL, without query: letters, digits and . _ ~ - between slashes",
    examples=("/metrics",),
    consequence="Prometheus would get no metrics",
    longest=200,
)
METRIC_NAME: Final = Form(
    name="metric name",
    pattern="^[A-Za-z_][A-Za-z0-9_]{0,198}[A-Za-z0-9]$",
    words="the name of a metric as Prometheus has it: letters, digits and _",
    examples=("model_accuracy",),
    consequence="the rule would find no series",
    longest=200,
)
METRICS_FORMS: Final = {form.pattern: form for form in (METRICS_PATH, METRIC_NAME)}
"""By pattern, as a refusal names it."""

MetricName = Annotated[str, constraint(METRIC_NAME)]


class ServerMetrics(Section):
    """Metrics of a server's image, in Prometheus's text format over plain HTTP."""

    port: int | None = Field(
        default=None,
        ge=1024,
        le=65535,
        description="Port of the image that has them; absent: port, and 9090 with transport: stdio "
        "and without an image, where the bridge has them.",
    )
    path: Annotated[str, constraint(METRICS_PATH)] = Field(
        default="/metrics", description="Path of the page."
    )
    accuracy: MetricName | None = Field(
        default=None,
        description="Its gauge of a model's accuracy, from 0 to 1; recorded as "
        "job:model_accuracy:min.",
    )
    inference_seconds: MetricName | None = Field(
        default=None,
        description="Its histogram of inference times in seconds, without _bucket; recorded as "
        "job:model_inference_seconds:p95_rate5m.",
    )
    active_users: MetricName | None = Field(
        default=None,
        description="Its gauge of users that are active; recorded as job:active_users:sum.",
    )
    feature_uses: MetricName | None = Field(
        default=None,
        description="Its counter of uses of features; recorded as job:feature_uses:rate5m.",
    )

    @property
    def named(self) -> dict[str, str]:
        """The metrics of its own that have a meaning here, by that meaning."""
        fields = ("accuracy", "inference_seconds", "active_users", "feature_uses")
        return {field: name for field in fields if (name := getattr(self, field))}
