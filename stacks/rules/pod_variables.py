"""Rule: variables in the settings of pods are not those that a container of the pods has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.base.kubernetes_object import Manifest
from components.base.problems import Problem
from components.kubernetes.pod_settings import RESERVED_VARIABLES

from ..config.stack import StackConfig
from ..pod_settings import pod_settings
from .capacity import manifests
from .rule import Rule, at, path_of


def variables_of_pods_are_set_once(config: StackConfig) -> Iterator[Problem]:
    """No variable of the section kubernetes is one that a component gives to a container.

    Some are set in some stacks only, such as HTTPS_PROXY of servers with ``egress.hosts``.
    """
    kubernetes = config.kubernetes
    if not any(each.env or each.secret_env for each in _settings(config)):
        return
    made = manifests(config)
    listed = {
        str(one.metadata["name"]): frozenset[str](one.fields.get("data", {}))
        for one in made
        if one.kind == "ConfigMap"
    }
    told = set[str]()
    for workload, containers in _containers(made):
        server = config.servers.get(workload)
        own = kubernetes.service_pods.get(workload)
        settings = pod_settings(config, workload)
        known = {*server.env, *server.secret_env} if server else set[str]()
        for name in sorted({*settings.env, *settings.secret_env} - RESERVED_VARIABLES - known):
            if not any(_sets(container, name, listed) for container in containers):
                continue
            field = "env" if name in settings.env else "secretEnv"
            in_own = own is not None and (name in own.env or name in own.secret_env)
            steps = ("servicePods", workload) if in_own else ("pods",)
            path = path_of("kubernetes", *steps, field, name)
            if path not in told:
                told.add(path)
                yield at(
                    path,
                    f"is set by a component in the pods of {workload} as well",
                    "the container would have the variable twice",
                    "leave it out"
                    if in_own
                    else "set it in kubernetes.servicePods, for other workloads alone",
                )


def _settings(config: StackConfig) -> Iterator[Any]:
    yield config.kubernetes.pods
    yield from config.kubernetes.service_pods.values()


def _containers(made: list[Manifest]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """The containers of each workload, by its name."""
    for one in made:
        spec = one.fields.get("spec", {})
        template = spec.get("jobTemplate", {"spec": spec})["spec"].get("template")
        if template:
            pod = template["spec"]
            yield (
                template["metadata"]["labels"]["app"],
                [*pod.get("initContainers", ()), *pod["containers"]],
            )


def _sets(container: Mapping[str, Any], name: str, listed: Mapping[str, frozenset[str]]) -> bool:
    """Whether a container has a variable besides that of the settings of its pods."""
    given = Counter(one["name"] for one in container.get("env", ()))
    sources = [one["configMapRef"]["name"] for one in container.get("envFrom", ())]
    return given[name] > 1 or any(name in listed.get(source, ()) for source in sources)


POD_VARIABLE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (
        (
            *("kubernetes", "servers", "topology", "data", "scaling", "observability", "images"),
            *("backup", "audit", "network", "protocol", "secrets", "edge"),
        ),
        variables_of_pods_are_set_once,
    ),
]
"""The rule with what it reads."""
