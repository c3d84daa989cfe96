"""Rules for `servers.<name>.traces`: a collector runs, and no variable sends spans elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from components.base.problems import Problem
from components.mcp.server_config import INTERNAL_CA_PATH
from components.mcp.traces import SDK_VARIABLES

from ..config.servers import Server
from ..config.stack import StackConfig
from ..pod_settings import pod_settings
from .rule import Rule, at, path_of

ELSEWHERE: Final = {
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_CONFIG_FILE": "every other variable of OpenTelemetry",
    "OTEL_EXPERIMENTAL_CONFIG_FILE": "every other variable of OpenTelemetry",
}
"""Variables of OpenTelemetry's specification that take precedence over some that are set here."""
_OFF: Final = {
    "OTEL_SDK_DISABLED": ("true",),
    "OTEL_TRACES_SAMPLER": ("always_off", "parentbased_always_off"),
}
"""Values of variables by which an SDK makes no spans."""
_NO_SHARE: Final = re.compile(r"\s*(0+(\.0*)?|\.0+)\s*")
"""Argument of a sampler that keeps a share; an empty one means all."""
_OTHER_SIGNALS: Final = {
    "OTEL_METRICS_EXPORTER": "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_LOGS_EXPORTER": "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
}
"""The variable with the receiver of each other signal."""


def traces_of_servers_are_collected(config: StackConfig) -> Iterator[Problem]:
    """A stack whose servers send spans has a collector, and they run where it is."""
    for name, server in config.servers.items():
        path = path_of("servers", name, "traces")
        if not server.traces:
            continue
        if not server.in_cluster:
            yield at(
                path,
                "is true, and targets has no kubernetes",
                "it would have no effect: the collector takes spans from pods of the cluster",
                "leave it out, or add kubernetes to targets",
            )
        elif config.observability.traces is None:
            yield at(
                path,
                "is true, and observability.traces is missing",
                "no collector would take its spans",
                "set observability.traces, or leave this out",
            )


def variables_send_spans_to_the_collector(config: StackConfig) -> Iterator[Problem]:
    """No variable of the user sends spans elsewhere, or switches them off."""
    for name, server in config.cluster_servers.items():
        if server.traces:
            given = _variables(config, name, server)
            for variable, (path, value) in given.items():
                if problem := _contradicts(variable, path, value, given):
                    yield problem


def _contradicts(
    variable: str, path: str, value: str | None, given: Mapping[str, tuple[str, str | None]]
) -> Problem | None:
    if variable in SDK_VARIABLES:
        return at(
            path,
            "is set, and traces is true, which sets this variable",
            "the spans could be sent to another receiver, or not at all",
            "leave one of the two out",
        )
    if variable in ELSEWHERE:
        return at(
            path,
            f"takes precedence over {ELSEWHERE[variable]}, which traces: true sets",
            "the spans would not be sent to the collector of the platform",
            "leave one of the two out",
        )
    if value is None:
        return None
    if value.strip().lower() in _OFF.get(variable, ()) or (
        variable == "OTEL_TRACES_SAMPLER_ARG" and _NO_SHARE.fullmatch(value) and _by_share(given)
    ):
        return at(
            path,
            f"is {value}, and traces is true",
            "the program would make no spans",
            "leave one of the two out",
        )
    if variable in _OTHER_SIGNALS and "otlp" in value.lower().split(","):
        receiver = _OTHER_SIGNALS[variable]
        if receiver not in given:
            return at(
                path,
                f"is {value}, and {receiver} is missing",
                "they would be sent to the collector of traces, which refuses them",
                f"set {receiver} to a receiver of yours that is in egress, or leave this out",
            )
    return None


def _by_share(given: Mapping[str, tuple[str, str | None]]) -> bool:
    """Whether the SDK keeps a share of the traces, which is the sampler's argument."""
    _, sampler = given.get("OTEL_TRACES_SAMPLER", ("", None))
    return (sampler or "").strip().lower().endswith("traceidratio")


def _variables(config: StackConfig, name: str, server: Server) -> dict[str, tuple[str, str | None]]:
    """Each variable of a server's container: its path, and its value unless a Secret has it."""
    settings, own = pod_settings(config, name), config.kubernetes.service_pods.get(name)

    def of_pods(field: str, variable: str) -> str:
        mine = own is not None and variable in (*own.env, *own.secret_env)
        steps = ("servicePods", name) if mine else ("pods",)
        return path_of("kubernetes", *steps, field, variable)

    def of_server(field: str, variable: str) -> str:
        return path_of("servers", name, field, variable)

    found: dict[str, tuple[str, str | None]] = {}
    found |= {key: (of_pods("env", key), value) for key, value in settings.env.items()}
    found |= {key: (of_pods("secretEnv", key), None) for key in settings.secret_env}
    found |= {key: (of_server("env", key), value) for key, value in server.env.items()}
    found |= {key: (of_server("secretEnv", key), None) for key in server.secret_env}
    return found


def no_mount_hides_the_ca(config: StackConfig) -> Iterator[Problem]:
    """No directory or file of the user is where the CA of the collector is mounted."""
    for name, server in config.cluster_servers.items():
        if not server.traces:
            continue
        mounted = {("writable", index): path for index, path in enumerate(server.writable)}
        mounted |= {("volumes", volume): path for volume, path in server.volumes.items()}
        mounted |= {("files", file): file for file in server.files}
        if server.storage:
            mounted["storage", "path"] = server.storage.path
        for steps, path in mounted.items():
            if path == INTERNAL_CA_PATH or path.startswith(f"{INTERNAL_CA_PATH}/"):
                yield at(
                    path_of("servers", name, *steps),
                    f"is in {INTERNAL_CA_PATH}, where traces: true mounts a CA",
                    "no pod would start",
                    "choose another directory, or leave traces out",
                )


SERVER_TRACE_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("servers", "observability"), traces_of_servers_are_collected),
    (
        ("servers", "kubernetes.pods", "kubernetes.servicePods"),
        variables_send_spans_to_the_collector,
    ),
    (("servers",), no_mount_hides_the_ca),
]
"""Each rule with what it reads."""
