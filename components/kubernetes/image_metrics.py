"""Where a user's image has metrics, and the port at which Prometheus reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..base.arg_types import ContainerPort, UrlPath

IMAGE_METRICS: Final = 8445
"""Port at which nginx in the pods of a user's server passes on the page with metrics."""


@dataclass(frozen=True, kw_only=True)
class ImageMetrics:
    """A page with metrics in Prometheus's text format.

    nginx serves it as ``/metrics`` on port 8445, and no other page of that port of the image.

    Attributes:
        port: port of the image that serves the page over plain HTTP.
        path: of the page.
    """

    port: ContainerPort
    path: UrlPath = "/metrics"
