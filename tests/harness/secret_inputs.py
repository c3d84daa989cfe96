"""Every secret that the programs of a stack are given, as its manifests say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from graph.resource_graph import ResourceGraph

from .graph_queries import Pods, objects, pods

PUBLIC: Final = ("ca.crt", "tls.crt", "jwks.json")
"""Keys of Secrets whose values every client of the program may see: certificates, public keys."""
OWN_PROGRAMS: Final = ("qudag-mcp-server", "sh")
"""First words of the commands of the platform's programs; `sh` runs a rendered script."""

BRIDGE: Final = "qudag-mcp-server bridge"
"""Hands all of its variables to the user's program."""


@dataclass(frozen=True, order=True)
class SecretInput:
    """A secret that a program is given.

    Attributes:
        program: the command without options, or the image's name where it has no command.
        place: the mounted file, or ``$`` and the variable that holds it.
        field: of the program's TOML file that names the file, such as ``database.password_file``;
            empty if none does.
    """

    program: str
    place: str
    field: str = ""

    @property
    def any(self) -> set[tuple[str, str]]:
        """The program with the place and with the field: a path says as much as its field."""
        return {(self.program, self.place)} | (
            {(self.program, self.field)} if self.field else set()
        )


def secret_inputs(graph: ResourceGraph) -> dict[SecretInput, tuple[str, str]]:
    """Each secret of each container of the platform, with its Secret and key.

    Programs of users' images are left out: what these do with a secret is their own.
    """
    config_maps = {
        one["metadata"]["name"]: one.get("data", {}) for one in objects(graph, "ConfigMap")
    }
    workloads = {each.name for each in pods(graph)}
    found: dict[SecretInput, tuple[str, str]] = {}
    for each in pods(graph):
        for container in each.containers:
            program = program_of(container)
            fields = _fields_by_file(each, container, config_maps)
            for place, secret, key in keys_of(each.spec, container):
                if program and key not in PUBLIC:
                    folders = ["USER" if one in workloads else one for one in place.split("/")]
                    named = "$ANY" if program == BRIDGE and place[0] == "$" else "/".join(folders)
                    found[SecretInput(program, named, fields.get(place, ""))] = (secret, key)
    return found


def keys_of(pod: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each key of a Secret that a container gets: its place in the container, Secret and key."""
    volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        secret: Mapping[str, Any] = volumes.get(mount["name"], {}).get("secret", {})
        for item in secret.get("items", ()):
            yield f"{mount['mountPath']}/{item['path']}", secret["secretName"], item["key"]
    for variable in container.get("env", ()):
        if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
            yield f"${variable['name']}", reference["name"], reference["key"]


def program_of(container: Mapping[str, Any]) -> str:
    """The program of a container; empty if it is of a user's image."""
    command: list[str] = container.get("command") or []
    if not command:
        return container["image"].rpartition("/")[2].partition(":")[0]
    if command[0] not in OWN_PROGRAMS:
        return ""
    words = command[: next((n for n, word in enumerate(command) if word[0] == "-"), None)]
    return " ".join(words)


def _fields_by_file(
    each: Pods, container: Mapping[str, Any], config_maps: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """The fields of the container's TOML files, by the path that is their value."""
    volumes = {volume["name"]: volume for volume in each.spec.get("volumes", ())}
    mounted = [volumes.get(m["name"], {}) for m in container.get("volumeMounts", ())]
    return {
        value: field
        for volume in mounted
        for file, text in config_maps.get(volume.get("configMap", {}).get("name"), {}).items()
        if file.endswith(".toml")
        for field, value in _leaves(tomllib.loads(text), "")
    }


def _leaves(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(cast("Mapping[str, Any]", value), f"{path}{name}.")
        elif isinstance(value, str):
            yield f"{path}{name}", value
