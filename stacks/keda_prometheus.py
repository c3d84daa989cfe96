"""The Prometheus that KEDA queries: one of the user, or the platform's own."""

from __future__ import annotations

from components.kubernetes.keda import Prometheus
from components.kubernetes.pod_settings import SecretKey

from .config.pods import SecretKey as Written
from .config.stack import StackConfig
from .monitoring import PROMETHEUS_PORT, own_keda, own_login
from .topologies.topology import PROMETHEUS


def keda_prometheus(config: StackConfig) -> Prometheus | None:
    """Address, login and CA for KEDA; None if KEDA queries no Prometheus."""
    if own_keda(config) is not None:
        host = f"{PROMETHEUS}-service.{config.monitoring_namespace}.svc"
        return Prometheus(
            address=f"https://{host}:{PROMETHEUS_PORT}",
            login=own_login(config),
            ca=SecretKey(secret=config.secrets.internal_ca, key="ca.crt"),
        )
    stated = config.observability.prometheus
    if stated is None:
        return None
    return Prometheus(address=stated.address, token=_key(stated.token), ca=_key(stated.ca))


def _key(written: Written | None) -> SecretKey | None:
    return SecretKey(secret=written.secret, key=written.key) if written else None
