"""Rules for the fields of one server of the section `servers`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from components.base.credentials import looks_like_a_credential
from components.base.problems import Problem
from components.base.quantities import quantity
from components.kubernetes.container_spec import SCRATCH_SIZE
from components.kubernetes.pod_settings import OWN_VARIABLES

from ..config.servers import LARGEST_FILES, Server
from ..config.stack import StackConfig
from .container_resources import resource_problems
from .rule import Rule, at, path_of

_WHOLE_TREES: Final = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/proc", "/sys", "/dev")
_DIRECTORIES: Final = frozenset(
    {
        *("/etc", "/etc/ssl", "/etc/ssl/certs", "/etc/pki", "/etc/ca-certificates"),
        *("/usr", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/share", "/usr/src"),
        *("/usr/local", "/usr/local/bin", "/usr/local/lib", "/usr/src/app"),
        *("/app", "/opt", "/home", "/root", "/var", "/var/run", "/run"),
    }
)
"""Directories with programs, libraries or certificates of images, or that runtimes mount into."""
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_ASSIGNED: Final = re.compile(r"""^\s*['"]?([\w.-]+)['"]?\s*[:=]\s*['"]?([^\s'"#,$<{][^\s'"#,]*)""")
"""A line that gives a name a value, which is not a reference such as ${API_KEY}."""
_SETTINGS: Final = (
    *(".yaml", ".yml", ".toml", ".json", ".ini", ".env", ".cfg", ".conf", ".properties"),
)

IN_CLEAR: Final = "it would be stored in Git, in the state and in every pod's description"


def transports_can_be_served(config: StackConfig) -> Iterator[Problem]:
    """The bridge has a command, and the transport is one that the gateway serves."""
    for name, server in config.servers.items():
        if server.transport == "sse":
            yield at(
                path_of("servers", name, "transport"),
                "is sse, which MCP replaced by streamable-http in 2025",
                "the gateway serves Streamable HTTP alone: no client could use the server",
                "upgrade the server's SDK and set streamable-http, or, if its program also speaks "
                "stdio, set stdio and its command",
            )
        if server.transport == "stdio" and not server.command:
            yield at(
                path_of("servers", name, "command"),
                "is missing, and transport is stdio",
                "the bridge would not know which program to run",
                "write the program and its arguments, such as [weather-mcp, --stdio]",
            )
        if server.transport == "stdio" and server.health is not None:
            yield at(
                path_of("servers", name, "health"),
                "is set, and transport is stdio",
                "a program that speaks stdio answers no HTTP: the bridge is probed",
                "leave it out",
            )
        if server.command and not server.command[0].strip():
            yield at(
                path_of("servers", name, "command", 0),
                "is empty",
                "the container would not start",
                "write the program's name or path",
            )


def variables_are_no_credentials(config: StackConfig) -> Iterator[Problem]:
    """Neither variables, arguments nor files hold a credential in clear."""
    for name, server in config.servers.items():
        for variable in (*server.env, *server.secret_env):
            if variable in OWN_VARIABLES:
                field = "env" if variable in server.env else "secretEnv"
                yield at(
                    path_of("servers", name, field, variable),
                    "is set by the component",
                    "the container would have the variable twice",
                    "leave it out",
                )
        for variable, value in server.env.items():
            if variable in server.secret_env:
                yield at(
                    path_of("servers", name, "env", variable),
                    "is also in secretEnv",
                    "the container would have the variable twice",
                    "leave one of the two out",
                )
            elif looks_like_a_credential(variable, value):
                yield at(
                    path_of("servers", name, "env", variable),
                    "looks like a credential; its value is not shown here",
                    IN_CLEAR,
                    "store it in a Secret, write SECRET/KEY in secretEnv, and rotate it",
                )
        for index, argument in enumerate(server.command):
            if _argument_is_a_credential(server.command, index):
                yield at(
                    path_of("servers", name, "command", index),
                    "looks like a credential; its value is not shown here",
                    IN_CLEAR,
                    f"store it in a Secret, name that in secretEnv, and rotate it{_of(argument)}",
                )
        for file, content in server.files.items():
            if number := _line_with_a_credential(file, content):
                yield at(
                    path_of("servers", name, "files", file),
                    f"line {number} looks like a credential; it is not shown here",
                    "it would be stored in Git, in the state and in a ConfigMap",
                    "store it in a Secret, name that in secretEnv, and rotate it",
                )


def _argument_is_a_credential(command: Sequence[str], index: int) -> bool:
    """Whether an argument, or the value of the option before it, is probably a credential."""
    option, _, value = command[index].partition("=")
    if value and option.startswith("-"):
        return _is_credential(option, value)
    before = command[index - 1] if index else ""
    named = before.startswith("-") and "=" not in before and not command[index].startswith("-")
    return _is_credential(before if named else "", command[index])


def _is_credential(name: str, value: str) -> bool:
    """As for a variable; options and keys of files have dashes in place of underscores."""
    return looks_like_a_credential(name.strip("-").replace("-", "_"), value)


def _of(argument: str) -> str:
    option = argument.partition("=")[0] if argument.startswith("-") else ""
    return f"; most programs read {option} from a variable as well" if option else ""


def _line_with_a_credential(file: str, content: str) -> int:
    """The number of the first line that is probably a credential; 0 for none.

    Only files of settings are searched for assignments: in source code, a variable named token is
    rarely a token.
    """
    settings = file.endswith(_SETTINGS)
    for number, line in enumerate(content.splitlines(), 1):
        found = _ASSIGNED.match(line) if settings else None
        if _PRIVATE_KEY.search(line) or (found and _is_credential(*found.groups())):
            return number
    return 0


def mounts_do_not_hide_the_image(config: StackConfig) -> Iterator[Problem]:
    """No directory hides programs of the image, and no two mounts are at one place."""
    for name, server in config.servers.items():
        directories = {
            path_of("servers", name, "writable", i): p for i, p in enumerate(server.writable)
        }
        if server.storage:
            directories[path_of("servers", name, "storage", "path")] = server.storage.path
        directories |= {
            path_of("servers", name, "volumes", volume): p for volume, p in server.volumes.items()
        }
        for path, directory in directories.items():
            if directory in _DIRECTORIES or _is_inside(directory, _WHOLE_TREES):
                yield at(
                    path,
                    f"is {directory}",
                    "an empty directory would hide what the image has there, such as its programs",
                    "write the directory that the program writes to, such as /data",
                )
        files = {path_of("servers", name, "files", file): file for file in server.files}
        for path, file in files.items():
            if _is_inside(file, _WHOLE_TREES):
                yield at(
                    path,
                    "is in a directory with programs of the image or of the kernel",
                    "the program would not start",
                    "write the file that the program reads, such as /etc/weather/config.yaml",
                )
        yield from _at_one_place(directories, files)
        size = sum(len(content.encode()) for content in server.files.values())
        if size > LARGEST_FILES:
            yield at(
                path_of("servers", name, "files"),
                f"have {size} bytes together, more than 1 MiB",
                "the API server refuses their ConfigMap",
                "put them into the image",
            )


def _is_inside(path: str, directories: Sequence[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in directories)


def _at_one_place(directories: dict[str, str], files: dict[str, str]) -> Iterator[Problem]:
    both = {**directories, **files}
    for place, count in Counter(both.values()).items():
        if count > 1:
            first, *_, last = (path for path, each in both.items() if each == place)
            yield at(
                last,
                f"is mounted at {place}, as {first} is",
                "the API server refuses two mounts at one place",
                "leave one of the two out",
            )
    for path, file in files.items():
        inside = [p for p, other in both.items() if p != path and other.startswith(f"{file}/")]
        if inside:
            yield at(
                path,
                f"is a file, and {inside[0]} is inside of it",
                "no pod would start",
                "write the file's own path",
            )


def pods_can_be_scaled(config: StackConfig) -> Iterator[Problem]:
    """Replicas or autoscaling, with one pod where there is a volume."""
    for name, server in config.servers.items():
        scale = server.scale
        if scale and server.replicas is not None:
            yield at(
                path_of("servers", name, "replicas"),
                "is set, and scale is as well",
                "each deployment would overwrite the number of pods that the autoscaler has set",
                "leave one of the two out",
            )
        if scale and scale.min > scale.max:
            yield at(
                path_of("servers", name, "scale"),
                f"min is {scale.min}, max is {scale.max}",
                "the API server refuses the autoscaler",
                "raise max, or lower min",
            )
        if scale and scale.cpu is None and scale.memory is None:
            yield at(
                path_of("servers", name, "scale"),
                "has neither cpu nor memory",
                "the autoscaler would have nothing to scale by",
                "set cpu to a percentage, such as 70, or set replicas in place of scale",
            )
        if server.storage and (scale or (server.replicas or 1) > 1):
            field = "scale" if scale else "replicas"
            yield at(
                path_of("servers", name, field),
                "is for several pods, and storage is set",
                "the volume can be mounted on one node at a time: the other pods would not start",
                f"leave {field} out, or storage",
            )


def resources_fit(config: StackConfig) -> Iterator[Problem]:
    """Requests are within limits, and both within those of the namespace."""
    for name, server in config.servers.items():
        yield from resource_problems(
            path_of("servers", name, "resources"), server.resources, config
        )
        yield from _disk(name, server)


def _disk(name: str, server: Server) -> Iterator[Problem]:
    directories = len({"/tmp", *server.writable})  # noqa: S108  (each container has it)
    limit = server.resources.ephemeral_storage_limit
    if directories * quantity(SCRATCH_SIZE) > quantity(limit):
        yield at(
            path_of("servers", name, "resources", "ephemeralStorageLimit"),
            f"is {limit}, and its writable directories may hold {directories} x {SCRATCH_SIZE}",
            "the pod would be evicted before one of them is full",
            "raise it, with room for logs, or leave directories out of writable",
        )


SERVER_FIELD_RULES: Final[list[tuple[tuple[str, ...], Rule]]] = [
    (("servers",), transports_can_be_served),
    (("servers",), variables_are_no_credentials),
    (("servers",), mounts_do_not_hide_the_image),
    (("servers",), pods_can_be_scaled),
    (("servers", "kubernetes.containerLimits"), resources_fit),
]
"""Each rule with what it reads."""
