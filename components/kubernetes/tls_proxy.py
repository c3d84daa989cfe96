"""The nginx container that terminates internal TLS in front of another container of its pod."""

from __future__ import annotations

from typing import Final

import pulumi

from ..mcp.server_config import HTTPS, INTERNAL_TLS_PATH
from ..mcp.timeout_budget import Timeouts
from .container import Container, Files, Port, Probe, Probes, SecretFiles
from .image_metrics import IMAGE_METRICS, ImageMetrics
from .nginx_start import STOPPING, nginx_start
from .rate_limits import UserLimits
from .resources import Resources
from .templates import render

PROXY: Final = "tls"
"""Name of the container."""
PROXY_RESOURCES: Final = Resources(cpu="50m", memory="64Mi", cpu_limit="500m", memory_limit="256Mi")
CLOSING_SECONDS: Final = 3
"""How long every answer closes its connection before nginx closes those that are idle."""


def tls_proxy(
    workload: str,
    *,
    image: pulumi.Input[str],
    secret: str,
    port: int,
    timeouts: Timeouts,
    limits: UserLimits,
    metrics: ImageMetrics | None = None,
) -> Container:
    """nginx on port 8443, which passes everything to ``port`` of the same pod.

    Args:
        workload: name of the workload, which begins the name of the ConfigMap.
        image: nginx.
        secret: Secret with ``tls.crt`` and ``tls.key``.
        port: port of the server.
        timeouts: of the server: nginx ends a call that takes longer.
        limits: for each user.
        metrics: where the server has metrics; None: they are not passed on.
    """
    mounted = SecretFiles(secret=secret, path=INTERNAL_TLS_PATH, keys=("tls.crt", "tls.key"))
    start = nginx_start(
        [f"{mounted.path}/{key}" for key in mounted.keys],
        closing=CLOSING_SECONDS,
    )
    conf = {"nginx.conf": tls_proxy_conf(port, timeouts, limits, metrics), "start.sh": start}
    # That it accepts connections is all that is asked: the server has probes of its own.
    accepts = Probe(port=HTTPS)
    return Container(
        name=PROXY,
        image=image,
        command=("sh", "/etc/nginx/start.sh"),
        ports=[
            Port(name="https", number=HTTPS, service=HTTPS),
            *([Port(name="metrics", number=IMAGE_METRICS)] if metrics else []),
        ],
        probes=Probes(readiness=Probe(port=HTTPS, period=5, timeout=3), liveness=accepts),
        resources=PROXY_RESOURCES,
        files=[Files(name=f"{workload}-tls", path="/etc/nginx", content=conf)],
        secrets=[mounted],
        pre_stop=timeouts.pre_stop,
    )


def tls_proxy_conf(
    port: int, timeouts: Timeouts, limits: UserLimits, metrics: ImageMetrics | None = None
) -> str:
    """nginx's configuration."""
    return render(
        "tls-proxy.conf.j2",
        port=port,
        timeouts=timeouts,
        limits=limits,
        tls_path=INTERNAL_TLS_PATH,
        stopping=STOPPING,
        metrics=metrics,
        metrics_port=IMAGE_METRICS,
    )
