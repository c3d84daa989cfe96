"""The files of a stack's own Prometheus, for a stack whose pods run on this machine."""

from __future__ import annotations

import json
from pathlib import Path

from .graph_queries import objects
from .running_stack import PROMETHEUS, RunningStack


def prometheus_files(stack: RunningStack, folder: Path, *, seconds: int) -> Path:
    """Write the files of the stack's Prometheus, as they are but for what is elsewhere here.

    Pods are listed in place of the API server's answers, with all labels that discovery would
    give them. Each target is read, and the rules are evaluated, every few ``seconds``.
    """
    (files,) = [
        one["data"]
        for one in objects(stack.graph, "ConfigMap")
        if one["metadata"]["name"] == "prometheus-config"
    ]
    own = stack.pods[f"{PROMETHEUS}-0"]
    tls = stack.secrets["mcp-internal-tls-prometheus"]
    for name, text in (*tls.items(), ("ca.crt", stack.secrets["mcp-internal-ca"]["ca.crt"])):
        (folder / name).write_text(text)
    known = json.loads(files["prometheus.yml"])
    known["global"] = {
        "scrape_interval": f"{seconds}s",
        "scrape_timeout": f"{seconds}s",
        "evaluation_interval": f"{seconds}s",
    }
    known["rule_files"] = [str(folder / "rules.yml")]
    listed = [
        {"targets": [f"{one.address}:{port['containerPort']}"], "labels": labels}
        for one in stack.pods.values()
        for container in one.owner.containers
        for port in container.get("ports", [])
        for labels in [one.labels_of(container, port)]
    ]
    for job in known["scrape_configs"]:
        if job.pop("kubernetes_sd_configs", None):
            job["static_configs"] = listed
        else:
            job["static_configs"][0]["targets"] = [f"{own.address}:9090"]
            job["tls_config"]["ca_file"] = str(folder / "ca.crt")
    (folder / "prometheus.yml").write_text(json.dumps(known))
    (folder / "rules.yml").write_text(files["rules.yml"])
    web = files["web.yml"]
    for name in ("tls.crt", "tls.key"):
        web = web.replace(f"/etc/internal-tls/{name}", str(folder / name))
    (folder / "web.yml").write_text(web)
    return folder
