"""Prometheus's configuration: it finds pods by the Kubernetes API."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .rules.targets import EXPORTER, JOB, NAMESPACE, POD
from .targets import METRICS_PATH, SAMPLE_LIMIT, ProbedUrl, ScrapeTarget, ServiceTarget

PROMETHEUS: Final = "prometheus"
PORT: Final = 9090
_META: Final = "__meta_kubernetes"


def prometheus_config(
    targets: Sequence[ScrapeTarget],
    namespaces: Mapping[int, str],
    *,
    services: Sequence[ServiceTarget] = (),
    alertmanager: ServiceTarget | None = None,
    blackbox_exporter: ServiceTarget | None = None,
    probed: Sequence[ProbedUrl] = (),
    own: str,
    ca: str,
    scrape_seconds: int,
    rules: str | None,
    login: str | None = None,
) -> dict[str, Any]:
    """The content of prometheus.yml.

    Args:
        targets: the pods.
        namespaces: of each target, by its place in ``targets``.
        services: those in the namespace of Prometheus, whose metrics it reads.
        alertmanager: that gets the alerts.
        blackbox_exporter: what asks ``probed``.
        probed: URLs.
        own: that namespace.
        ca: path of the CA that signs the certificates of Prometheus and ``services``.
        scrape_seconds: time between two reads.
        rules: path of the rule file; None without one.
        login: folder with ``username`` and ``password`` for Prometheus itself; None: without.
    """
    own_login = {"basic_auth": basic_auth(login)} if login else {}
    every = sorted(set(namespaces.values()))
    return {
        "global": {"scrape_interval": f"{scrape_seconds}s", "evaluation_interval": "30s"},
        **({"rule_files": [rules]} if rules else {}),
        **({"alerting": _alerting(alertmanager, own, ca)} if alertmanager else {}),
        "scrape_configs": [
            *(
                _pods(target, namespaces[number], port, exporter, every)
                for number, target in enumerate(targets)
                for port, exporter in target.ports.items()
            ),
            *(_service(one, own, ca) for one in services),
            *(_probe(one, blackbox_exporter, own, ca) for one in probed if blackbox_exporter),
            {**_over_tls(PROMETHEUS, f"localhost:{PORT}", own, ca), **own_login},
        ],
    }


def basic_auth(folder: str) -> dict[str, str]:
    """How a client of Prometheus logs in with ``username`` and ``password`` of a folder."""
    return {"username_file": f"{folder}/username", "password_file": f"{folder}/password"}


def _pods(
    target: ScrapeTarget, namespace: str, port: str, exporter: str, every: Sequence[str]
) -> dict[str, Any]:
    """Reads one port of the pods of a target; all targets share one list of pods."""
    wanted = {
        f"{_META}_namespace": namespace,
        **{f"{_META}_pod_label_{_name(key)}": value for key, value in target.labels.items()},
        f"{_META}_pod_container_port_name": port,
    }
    return {
        "job_name": f"{target.name}/{port}",
        "metrics_path": METRICS_PATH,
        "sample_limit": SAMPLE_LIMIT,
        # Prometheus 3 reads no page without a Content-Type, which small programs leave out.
        **({"fallback_scrape_protocol": "PrometheusText0.0.4"} if exporter == "image" else {}),
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": list(every)}}],
        "relabel_configs": [
            {
                "action": "keep",
                "source_labels": list(wanted),
                "regex": ";".join(value.replace(".", r"\.") for value in wanted.values()),
            },
            {
                "action": "drop",
                "source_labels": [f"{_META}_pod_phase"],
                "regex": "Failed|Succeeded",
            },
            {"source_labels": [f"{_META}_namespace"], "target_label": NAMESPACE},
            {"source_labels": [f"{_META}_pod_name"], "target_label": POD},
            {"source_labels": [f"{_META}_pod_container_name"], "target_label": "container"},
            {"target_label": JOB, "replacement": target.name},
            {"target_label": EXPORTER, "replacement": exporter},
        ],
    }


def _name(key: str) -> str:
    """The name of a label of pods in Prometheus."""
    return re.sub(r"[^A-Za-z0-9_]", "_", key)


def _alerting(alertmanager: ServiceTarget, namespace: str, ca: str) -> dict[str, Any]:
    host = service_host(alertmanager.name, namespace)
    return {
        "alertmanagers": [
            {
                "scheme": "https",
                "tls_config": {"ca_file": ca, "server_name": host},
                "static_configs": [{"targets": [f"{host}:{alertmanager.port}"]}],
            }
        ]
    }


def _service(service: ServiceTarget, namespace: str, ca: str) -> dict[str, Any]:
    address = f"{service_host(service.name, namespace)}:{service.port}"
    return _over_tls(service.name, address, namespace, ca)


def _probe(probed: ProbedUrl, asked: ServiceTarget, namespace: str, ca: str) -> dict[str, Any]:
    """Has a URL asked; its series have the labels of what is probed."""
    made = _service(asked, namespace, ca)
    labels = {
        "instance": probed.instance,
        NAMESPACE: probed.namespace,
        EXPORTER: asked.name,
        "probe": probed.module,
    }
    (target,) = made["static_configs"]
    return {
        **made,
        "job_name": f"probe/{probed.module}",
        "metrics_path": "/probe",
        "params": {"module": [probed.module], "target": [probed.url]},
        "static_configs": [{**target, "labels": labels}],
    }


def service_host(workload: str, namespace: str) -> str:
    """The name of a workload's Service, for which its certificate is."""
    return f"{workload}-service.{namespace}.svc"


def _over_tls(name: str, address: str, namespace: str, ca: str) -> dict[str, Any]:
    """Reads a workload of the namespace at one address."""
    return {
        "job_name": name,
        "scheme": "https",
        "sample_limit": SAMPLE_LIMIT,
        "tls_config": {"ca_file": ca, "server_name": service_host(name, namespace)},
        "static_configs": [
            {"targets": [address], "labels": {NAMESPACE: namespace, EXPORTER: name}}
        ],
    }
