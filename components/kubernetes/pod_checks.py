"""What the containers of one pod cannot be together: the API server or the kubelet refuses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress

from ..base.problems import Problem
from ..base.quantities import quantity
from .container import Container, Probe
from .container_spec import SCRATCH_SIZE, scratch_volume, secret_volume
from .pod_settings import PodSettings
from .resources import COUNTED

_API = "the API server refuses the pods"


def pod_problems(
    containers: Sequence[Container],
    settings: PodSettings = PodSettings(),  # noqa: B008  (immutable)
) -> list[Problem]:
    """Everything that is wrong with the containers of one pod, each with its path."""
    if not containers:
        return [Problem("containers", "is an empty list", _API, "add a container")]
    found = list(_names(containers))
    if all(container.sidecar for container in containers):
        found.append(
            Problem("containers", "are all sidecars", _API, "set sidecar to False for one of them")
        )
    for index, container in enumerate(containers):
        at = f"containers[{index}]"
        found += [
            *_resources(at, container),
            *_probes(at, container),
            *_mounts(at, container),
            *_variables(at, container, settings),
        ]
    return found


def drain_problems(containers: Sequence[Container], grace: int) -> list[Problem]:
    """Containers that sleep for longer before SIGTERM than their pod has to end."""
    return [
        Problem(
            f"containers[{index}].pre_stop",
            f"is {container.pre_stop} s, and the pod is killed after {grace} s",
            "the API server refuses it: the program could never end in order",
            f"lower it, or set grace to more than {container.pre_stop}",
        )
        for index, container in enumerate(containers)
        if container.pre_stop > grace
    ]


def _names(containers: Sequence[Container]) -> Iterator[Problem]:
    """Names and numbers that two parts of the pod share."""
    ports = [port for container in containers for port in container.ports]
    # Several containers may mount the same claim.
    claims = dict.fromkeys(claim for container in containers for claim in container.claims)
    yield from _twice("containers", "containers are called", (c.name for c in containers))
    yield from _twice("containers", "ports are called", (port.name for port in ports))
    yield from _twice("containers", "ports have the number", (port.number for port in ports))
    offered = (port.service for port in ports if port.service is not None)
    yield from _twice("containers", "ports have the service number", offered)
    yield from _twice("containers", "claims are called", (claim.name for claim in claims))
    contents = {files.name: files for container in containers for files in container.files}
    for index, container in enumerate(containers):
        for number, files in enumerate(container.files):
            if contents[files.name].content != files.content:
                yield Problem(
                    f"containers[{index}].files[{number}].name",
                    f"is {files.name!r}, which other files with other content have as well",
                    "they would be one ConfigMap, with the content of one of the two",
                    "give each a name of its own",
                )


def _resources(at: str, container: Container) -> Iterator[Problem]:
    given = container.resources
    for name in COUNTED:
        request, limit = getattr(given, name), getattr(given, f"{name}_limit")
        with suppress(ValueError):  # of a wrong form, which has been refused
            if quantity(request) > quantity(limit):
                yield Problem(
                    f"{at}.resources.{name}",
                    f"asks for {request}, and {name}_limit is {limit}",
                    _API,
                    f"lower {name}, or raise {name}_limit",
                )
    directories = 1 + len(container.writable)
    with suppress(ValueError):
        if directories * quantity(SCRATCH_SIZE) > quantity(given.ephemeral_storage_limit):
            yield Problem(
                f"{at}.resources.ephemeral_storage_limit",
                f"is {given.ephemeral_storage_limit}, and its writable directories may hold "
                f"{directories} x {SCRATCH_SIZE}",
                "the pod would be evicted before one of them is full",
                "raise ephemeral_storage_limit, with room for logs",
            )


def _probes(at: str, container: Container) -> Iterator[Problem]:
    for kind in ("startup", "readiness", "liveness"):
        probe: Probe | None = getattr(container.probes, kind, None)
        if probe and not probe.command and probe.port is None:
            yield Problem(
                f"{at}.probes.{kind}",
                "has neither a port nor a command",
                _API,
                "set port, or command",
            )


def _mounts(at: str, container: Container) -> Iterator[Problem]:
    for index, secret in enumerate(container.secrets):
        if not secret.keys:
            yield Problem(
                f"{at}.secrets[{index}].keys",
                "is an empty list",
                "Kubernetes would mount every key of the Secret",
                "name the keys that the container needs",
            )
    named = [
        *((path, scratch_volume(container, path)) for path in container.writable),
        *((secret.path, secret_volume(container, secret)) for secret in container.secrets),
    ]
    paths = ["/tmp", *(path for path, _ in named)]  # noqa: S108  (each container has it)
    paths += [claim.path for claim in container.claims]
    paths += [*container.volumes.values(), *container.read_only_volumes.values()]
    paths += [*container.shared, *container.config_maps.values()]
    for files in container.files:
        paths += files.mounted_at
    yield from _twice(at, "volumes or files are mounted at", paths)
    volumes = [scratch_volume(container, "/tmp"), *(volume for _, volume in named)]  # noqa: S108
    if len(set(paths)) == len(paths):
        yield from _twice(at, "volumes would be called", volumes)


def _variables(at: str, container: Container, settings: PodSettings) -> Iterator[Problem]:
    listed = [name for each in container.env_from for name in each.content]
    places = {
        **dict.fromkeys(listed, "env_from"),
        **dict.fromkeys(container.secret_env, "secret_env"),
        **dict.fromkeys(container.env, "env"),
    }
    for name in sorted(places.keys() & {*settings.env, *settings.secret_env}):
        yield Problem(
            f"{at}.{places[name]}.{name}",
            "is set, and by the settings of the pods as well",
            "the container would have the variable twice",
            "leave one of the two out",
        )
    for name in ("POD_NAME", "POD_NAMESPACE"):
        if name in places:
            yield Problem(
                f"{at}.{places[name]}.{name}",
                "is set by the component",
                "the pod would have the variable twice",
                "leave it out, or use another name",
            )


def _twice(path: str, what: str, values: Iterable[Hashable]) -> Iterator[Problem]:
    for value, count in Counter(values).items():
        if count > 1:
            yield Problem(path, f"{count} {what} {value!r}", _API, "make them different")
