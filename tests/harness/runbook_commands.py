"""Reads the commands of a runbook, and compares what they name with the objects of a stack."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.mcp.metrics import EXPORTED
from graph.resource_graph import ResourceGraph

Object = Mapping[str, Any]

VALUED: Final = {"-n", "-l", "-o", "-c", "--from", "--tail", "--sort-by"}
"""Options of kubectl whose value may be the next word."""
MADE_ELSEWHERE: Final = {
    "events": "by controllers",
    "certificates": "by cert-manager, for alerts on its metrics",
    "certificaterequests": "by cert-manager, for alerts on its metrics",
    "backups.postgresql.cnpg.io": "by CloudNativePG, for each run",
    "pods": "by workloads",
    "jobs": "by CronJobs",
}
NONE_IS_AN_ANSWER: Final = {
    *("hpa", "scaledobjects", "externalsecrets", "resourcequota", "rolebindings"),
    *("prometheusrules", "alertmanagerconfigs", "probes.monitoring.coreos.com"),
}
"""Kinds of which not every stack has one: that there is none is what the reader wants to know."""
KINDS: Final = {
    "pods": "Pod",
    "hpa": "HorizontalPodAutoscaler",
    "networkpolicies": "NetworkPolicy",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "resourcequota": "ResourceQuota",
    "cronjobs": "CronJob",
    "secret": "Secret",
    "services": "Service",
    "rolebindings": "RoleBinding",
    "scaledobjects": "ScaledObject",
    "externalsecrets": "ExternalSecret",
    "clusters.postgresql.cnpg.io": "Cluster",
    "prometheusrules": "PrometheusRule",
    "alertmanagerconfigs": "AlertmanagerConfig",
    "probes.monitoring.coreos.com": "Probe",
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "cronjob": "CronJob",
    "configmap": "ConfigMap",
}
"""Words of kubectl, and the kinds that they name."""


@dataclass(frozen=True)
class Template:
    """The pods of a workload."""

    namespace: str
    name: str
    kind: str
    labels: Mapping[str, str]
    containers: Mapping[str, frozenset[int]]
    """Ports by container; init containers too."""


@dataclass(frozen=True)
class Step:
    """One program of a command line: its words, and the pattern of a grep."""

    words: Sequence[str]

    @property
    def program(self) -> str:
        return self.words[0]

    def options(self) -> dict[str, str]:
        """Options of kubectl with their values; without one: empty."""
        found: dict[str, str] = {}
        words = iter(self.kubectl_words())
        for word in words:
            if word.startswith("-"):
                name, equal, value = word.partition("=")
                found[name] = value if equal else (next(words, "") if name in VALUED else "")
        return found

    def plain(self) -> list[str]:
        """The words of kubectl that are no options: the verb first."""
        found: list[str] = []
        words = iter(self.kubectl_words())
        for word in words:
            if not word.startswith("-"):
                found.append(word)
            elif "=" not in word and word in VALUED:
                next(words, "")
        return found

    def kubectl_words(self) -> Sequence[str]:
        words = self.words[1:]
        return words[: words.index("--")] if "--" in words else words


def steps(line: str) -> list[Step]:
    """The programs of a command line, as a shell reads it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    made: list[list[str]] = [[]]
    for word in lexer:
        if word in ("|", "&", ";", "&&"):
            made.append([])
        else:
            made[-1].append(word)
    return [Step(words) for words in made if words]


def commands(page: str) -> list[str]:
    """The command lines of a page's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


class Stack:
    """The objects of a rendered stack, as a runbook names them."""

    def __init__(self, graph: ResourceGraph) -> None:
        self.objects: list[Object] = [
            one.inputs for one in graph.resources if one.inputs.get("kind")
        ]
        self.templates = list(self._templates())
        self.required = {
            (one["namespace"], one["name"]): set(one["keys"])
            for one in graph.outputs["required_secrets"]
        }

    def _templates(self) -> Iterator[Template]:
        for one in self.objects:
            spec: Mapping[str, Any] = one.get("spec", {})
            spec = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
            where, name = one["metadata"].get("namespace", ""), one["metadata"]["name"]
            if one["kind"] == "Cluster":
                labels = {"cnpg.io/cluster": name}
                yield Template(where, name, "Cluster", labels, {"postgres": frozenset({5432})})
            if isinstance(spec.get("template"), Mapping) and "spec" in spec["template"]:
                pod = spec["template"]["spec"]
                yield Template(
                    where,
                    name,
                    one["kind"],
                    spec["template"]["metadata"]["labels"],
                    {
                        c["name"]: frozenset(p["containerPort"] for p in c.get("ports", ()))
                        for c in (*pod.get("initContainers", ()), *pod["containers"])
                    },
                )

    def _named(self, kind: str, namespace: str) -> dict[str, Object]:
        return {
            one["metadata"]["name"]: one
            for one in self.objects
            if one["kind"] == kind and one["metadata"].get("namespace") == namespace
        }

    def _with(self, selector: str, namespace: str) -> list[Template]:
        wanted = dict(pair.split("=") for pair in selector.split(","))
        return [
            one
            for one in self.templates
            if one.namespace == namespace and wanted.items() <= one.labels.items()
        ]

    def problems(self, line: str) -> list[str]:
        """What a command line names that is not in the stack, or not as it says."""
        first, *rest = steps(line)
        if first.program != "kubectl":
            return []
        found = list(self._of_kubectl(first))
        for step in rest:
            if step.program == "curl":
                ports = re.findall(r":(\d+)/", " ".join(step.words))
                if ports != [first.plain()[-1]]:
                    found.append(f"curl asks port {ports}, and {first.plain()[-1]} is forwarded")
            elif step.program == "grep" and any(s.program == "curl" for s in rest):
                found += _metric_problems(step)
                if step.words[-1].startswith("mcp_gateway_"):
                    found += self._of_gateway(first)
        return found

    def _of_gateway(self, forward: Step) -> Iterator[str]:
        """The metrics of the gateway are those of a container of its own."""
        *_, target, port = forward.plain()
        for one in self.templates:
            ports = one.containers.get("gateway-metrics", frozenset[int]())
            if f"deployment/{one.name}" == target and int(port) not in ports:
                yield f"the metrics of the gateway are at {sorted(ports)}, not at {port}"

    def _of_kubectl(self, step: Step) -> Iterator[str]:
        options, (verb, *names) = step.options(), step.plain()
        namespace = options.get("-n", "")
        if "--all-namespaces" in options or names[-1:] == ["nodes"]:
            return
        if not any(
            one["kind"] == "Namespace" and one["metadata"]["name"] == namespace
            for one in self.objects
        ):
            yield f"there is no namespace {namespace!r}"
            return
        match verb:
            case "get" | "describe":
                yield from self._of_objects(options, namespace, names)
            case "logs" | "exec" | "port-forward":
                yield from self._of_pods(verb, options, namespace, names)
            case "create":
                kind, _, name = options["--from"].partition("/")
                if names[0] != "job" or name not in self._named(KINDS[kind], namespace):
                    yield f"there is no {kind} {name} in {namespace}"
            case "rollout":
                kind, _, name = names[1].partition("/")
                if names[0] != "history" or name not in self._named(KINDS[kind], namespace):
                    yield f"there is no {kind} {name} in {namespace}"
            case "auth":
                account = options["--as"].removeprefix(f"system:serviceaccount:{namespace}:")
                if account not in self._named("ServiceAccount", namespace):
                    yield f"there is no account {account} in {namespace}"
            case "top":
                if names != ["pods"]:
                    yield f"top {names}"
                yield from self._of_objects(options, namespace, names)
            case _:
                yield f"no runbook says kubectl {verb}"

    def _of_objects(
        self, options: Mapping[str, str], namespace: str, names: Sequence[str]
    ) -> Iterator[str]:
        selector = options.get("-l", "")
        for kind in names[0].split(","):
            if kind == "endpointslices":
                service = selector.removeprefix("kubernetes.io/service-name=")
                if service not in self._named("Service", namespace):
                    yield f"there is no Service {service} in {namespace}"
            elif kind not in KINDS and kind not in MADE_ELSEWHERE:
                yield f"kubectl get {kind}"
            elif selector and kind in ("pods", "cronjobs", "jobs"):
                if not self._with(selector, namespace):
                    yield f"{selector} selects no pods in {namespace}"
            elif kind == "secret":
                yield from self._of_secret(namespace, names[1], options.get("-o", ""))
            elif kind in MADE_ELSEWHERE or kind in NONE_IS_AN_ANSWER:
                continue
            elif len(names) > 1:
                if names[1] not in self._named(KINDS[kind], namespace):
                    yield f"there is no {kind} {names[1]} in {namespace}"
            elif not self._some(kind, namespace):
                yield f"there are no {kind} in {namespace}"

    def _some(self, kind: str, namespace: str) -> bool:
        if kind == "persistentvolumeclaims":
            sets = self._named("StatefulSet", namespace).values()
            if any(one["spec"].get("volumeClaimTemplates") for one in sets):
                return True
            return bool(self._named("Cluster", namespace)) or bool(
                self._named("PersistentVolumeClaim", namespace)
            )
        return bool(self._named(KINDS[kind], namespace))

    def _of_secret(self, namespace: str, name: str, form: str) -> Iterator[str]:
        keys = self.required.get((namespace, name))
        if keys is None:
            yield f"no program of {namespace} reads a Secret {name}"
            return
        for key in re.findall(r"\{\.data\.((?:\\\.|[\w-])+)\}", form):
            if key.replace("\\", "") not in keys:
                yield f"the Secret {name} has no key {key}"

    def _of_pods(
        self, verb: str, options: Mapping[str, str], namespace: str, names: Sequence[str]
    ) -> Iterator[str]:
        if selector := options.get("-l", ""):
            chosen = self._with(selector, namespace)
            said = selector
        elif "/" in (said := names[0]):
            kind, _, name = said.partition("/")
            chosen = [
                one
                for one in self.templates
                if (one.kind, one.name, one.namespace) == (KINDS.get(kind), name, namespace)
            ]
        else:
            chosen = [
                one
                for one in self.templates
                if one.namespace == namespace
                and one.kind in ("StatefulSet", "Cluster")
                and re.fullmatch(rf"{one.name}-\d", said)
            ]
        if not chosen:
            yield f"{said} selects no pods in {namespace}"
        for one in chosen:
            container = options.get("-c", "")
            if container and container not in one.containers:
                yield f"{one.name} has no container {container}"
            if verb == "logs" and not container and "--all-containers" not in options:
                lasting = set(one.containers)
                if len(lasting) > 1 and one.kind != "Cluster":
                    yield f"{one.name} has the containers {sorted(lasting)}: which one?"
            if verb == "port-forward":
                ports = {port for of in one.containers.values() for port in of}
                if int(names[1]) not in ports:
                    yield f"{one.name} listens on {sorted(ports)}, not on {names[1]}"


def _metric_problems(grep: Step) -> Iterator[str]:
    pattern = grep.words[-1]
    if label := re.fullmatch(r'(\w+)="[^"]*"', pattern):
        if not any(label[1] in one.labels for one in EXPORTED.values()):
            yield f"no metric has the label {label[1]}"
    elif not any(name.startswith(pattern) for name in EXPORTED):
        yield f"no program exports {pattern}"
