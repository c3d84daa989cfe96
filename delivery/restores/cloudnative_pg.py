"""The manifests with which the operator CloudNativePG restores to a new cluster."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from components.base.problems import Problem, ProblemReport
from graph.manifests import manifest
from graph.resource_graph import Resource, ResourceGraph

from ..database_restore import Wanted
from .live import component_of
from .plan import Plan
from .target import Target, target

LONGEST: Final = 50
"""Characters of a cluster's name (the operator's webhook)."""
CLUSTER: Final = "cnpg.io/cluster"
ROLE: Final = "cnpg.io/podRole"
"""The labels of the operator's pods, as in ``cloudnative_pg_policies``."""
SOURCE: Final = "archive"
_DAYS: Final = {"d": 1, "w": 7, "m": 31}

Written = dict[str, Any]


def cloudnative_pg_plan(
    graph: ResourceGraph,
    data: Mapping[str, Any],
    stack: str,
    wanted: Wanted,
    now: datetime,
) -> Plan:
    """How to restore the stack's database.

    Args:
        data: the section ``data`` of the stack file.

    Raises:
        ProblemReport: it has no archive, or cannot be restored as wanted.
    """
    (live,) = graph.of_kind("Cluster")
    written = manifest(live, graph)
    source = written["metadata"]["name"]
    archive = _archive(written)
    own_bucket = "url" not in data.get("cloudnativePg", {}).get("backup", {})
    new = target(
        wanted,
        source,
        now=now,
        longest=LONGEST,
        days=_days(graph),
        taken={archive["serverName"]},
    )
    return Plan(
        title=f"{new.title(f'the cluster {source}')} Apply it with kubectl apply -f.",
        manifests=[
            *_policies(graph, source, new.name),
            recovery(written, archive, new),
        ],
        differs=_differences(written, archive, new, own_bucket=own_bucket),
        external=None if own_bucket else _external(written, new),
        component=component_of(graph, live),
        stack=stack,
    )


def _differences(
    live: Written, archive: Mapping[str, str], new: Target, *, own_bucket: bool
) -> list[str]:
    found = [
        f"its service account is {live['metadata']['namespace']}:{new.name}: let the identity of "
        "the backups trust it before you apply this;",
        f"it archives to its own folder, {new.name}: {archive['serverName']} is only read;",
        "the operator makes its certificate and its CA;",
        "it has no PgBouncer, no ScheduledBackup and no PodMonitor;",
        "its servers count for the quota of the namespace;",
    ]
    if own_bucket:
        return [
            *found,
            "its archive is in the bucket of the stack, which belongs to data.kind "
            "cloudnative-pg: the stack cannot use the restored one in place of the live one.",
        ]
    if "managed" in live["spec"]:
        found.append(
            "with audit.enabled, data.kind external reads the passwords of the log's roles under "
            "audit-password and audit-keeper-password in secrets.passwords;"
        )
    return [
        *found,
        "networks below are addresses of its pods: Cilium's network policies match no pods by "
        "addresses.",
    ]


def _external(live: Written, new: Target) -> Written:
    owner = live["spec"]["bootstrap"]["initdb"]
    secret = owner.get("secret", {}).get("name", f"{new.name}-app")
    return {
        "host": f"{new.name}-rw.{live['metadata']['namespace']}.svc",
        "name": owner["database"],
        "user": owner["owner"],
        "password": {"secret": secret, "key": "password"},
        "ca": {"secret": f"{new.name}-ca", "key": "ca.crt"},
        "networks": ["the addresses of the cluster's pods"],
    }


def _archive(cluster: Written) -> dict[str, str]:
    """The parameters of the plugin that archives, whose backups are restored."""
    for plugin in cluster["spec"].get("plugins", ()):
        if plugin.get("isWALArchiver"):
            return {"plugin": plugin["name"], **plugin["parameters"]}
    raise ProblemReport(
        [
            Problem(
                "data.cloudnativePg.backup",
                "is missing",
                "nothing is archived that could be restored",
                "add a bucket: provider, url, identity and networks",
            )
        ]
    )


def _days(graph: ResourceGraph) -> int:
    """How far back the archive goes."""
    (store,) = graph.of_kind("ObjectStore")
    found = re.fullmatch(r"(\d+)([dwm])", str(store.inputs["spec"]["retentionPolicy"]))
    assert found is not None  # RetentionPolicy
    return int(found[1]) * _DAYS[found[2]]


def recovery(live: Written, archive: Mapping[str, str], new: Target) -> Written:
    """The live Cluster with another name, which begins with a backup of the archive."""
    made = _renamed(live, live["metadata"]["name"], new.name)
    made["metadata"]["name"] = new.name
    spec = made["spec"]
    initial = spec.pop("bootstrap")["initdb"]
    moment = {"recoveryTarget": {"targetTime": new.time}} if new.time else {}
    kept = {key: initial[key] for key in ("database", "owner", "secret") if key in initial}
    store = archive["barmanObjectName"]
    spec.pop("certificates", None)  # they name the Services of the live one
    spec.pop("plugins")
    spec["bootstrap"] = {"recovery": {"source": SOURCE, **kept, **moment}}
    spec["plugins"] = [
        {
            "name": archive["plugin"],
            "isWALArchiver": True,
            "parameters": {"barmanObjectName": store, "serverName": new.name},
        }
    ]
    spec["externalClusters"] = [
        {
            "name": SOURCE,
            "plugin": {
                "name": archive["plugin"],
                "parameters": {"barmanObjectName": store, "serverName": archive["serverName"]},
            },
        }
    ]
    return made


def _policies(graph: ResourceGraph, source: str, name: str) -> Iterator[Written]:
    """The policies of the live one's servers and jobs, for the new one's."""
    found = {
        _selected(each).get(ROLE, ""): each
        for each in graph.of_kind("NetworkPolicy")
        if _selected(each).get(CLUSTER) == source
    }
    pooler = found.pop("pooler", None)
    for each in found.values():
        made = _renamed(manifest(each, graph), source, name)
        metadata = made["metadata"]
        metadata["name"] = metadata["name"].replace(source, name, 1)
        if pooler and _selected(each).get(ROLE) == "instance":
            _let_clients_in(made["spec"], pooler.inputs["spec"])
        yield made


def _let_clients_in(spec: Written, pooler: Written) -> None:
    """Let the clients of PgBouncer connect to the servers in its place."""
    (postgres,) = [
        rule for rule in pooler["ingress"] if [port["port"] for port in rule["ports"]] == [5432]
    ]
    for rule in spec["ingress"]:
        if any(_role(peer) == "pooler" for peer in rule["from"]):
            rule["from"] = copy.deepcopy(postgres["from"])


def _role(peer: Written) -> str | None:
    return peer.get("podSelector", {}).get("matchLabels", {}).get(ROLE)


def _selected(policy: Resource) -> dict[str, str]:
    spec: Written = policy.inputs["spec"]
    return spec["podSelector"].get("matchLabels", {})


def _renamed(tree: Any, source: str, name: str) -> Any:
    """A copy in which the labels of the live cluster are those of the new one."""
    own = (CLUSTER, "app", "app.kubernetes.io/name")
    if isinstance(tree, dict):
        return {
            key: name if key in own and value == source else _renamed(value, source, name)
            for key, value in tree.items()  # pyright: ignore[reportUnknownVariableType]
        }
    if isinstance(tree, list):
        return [_renamed(each, source, name) for each in tree]  # pyright: ignore[reportUnknownVariableType]
    return tree
