"""The configuration of a server in a pod, as files and variables on this machine."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
import yaml

from components.mcp.config_forms import SERVER_YAML
from components.mcp.server_config import PodServerConfig
from components.mcp.server_toml import ServerFiles, server_files


@dataclass(frozen=True)
class WrittenFiles:
    """A server's files in a folder that takes the place of its root directory.

    Attributes:
        server_toml: the file; the paths that it includes are in the folder.
        directories: the further ones, by their name in the cluster.
        variables: environment variables.
    """

    server_toml: Path
    directories: dict[str, Path]
    variables: dict[str, str]

    def toml(self) -> dict[str, Any]:
        """The content of server.toml."""
        return tomllib.loads(self.server_toml.read_text())

    def yaml(self) -> dict[str, Any]:
        """The content of server.yaml."""
        return yaml.safe_load((self.server_toml.parent / SERVER_YAML).read_text())

    def change_yaml(self, section: str, **keys: Any) -> None:
        """Write other values into server.yaml."""
        content = self.yaml()
        content[section] |= keys
        (self.server_toml.parent / SERVER_YAML).write_text(yaml.safe_dump(content))

    def change_toml(self, section: str, **keys: Any) -> None:
        """Write other values into server.toml; None: without the key."""
        content = self.toml()
        changed = content.get(section, {}) | keys
        content[section] = {key: value for key, value in changed.items() if value is not None}
        self.server_toml.write_text(tomli_w.dumps(content))


def written(folder: Path, config: PodServerConfig, environment: str = "staging") -> WrittenFiles:
    """Write the files of a server with these values."""
    return write(folder, server_files(config, environment))


def write(folder: Path, files: ServerFiles) -> WrittenFiles:
    """Write a server's files; absolute paths in them are in the folder as well."""
    contents = {each.path: each.files for each in files.directories}
    placed(folder, {files.path: files.content, **contents})
    variables = {
        name: local(folder, text) for each in files.variables for name, text in each.values.items()
    }
    return WrittenFiles(
        folder / files.path.lstrip("/") / "server.toml",
        {each.name: folder / each.path.lstrip("/") for each in files.directories},
        variables,
    )


def placed(folder: Path, directories: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the files of directories of a pod, by path and name."""
    for path, files in directories.items():
        there = folder / path.lstrip("/")
        there.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (there / name).write_text(local(folder, text))


def local(folder: Path, text: object) -> str:
    """The text with the absolute paths of a pod in the folder."""
    return re.sub(r"(?<![^\"])/(etc|app|var)/", lambda found: f"{folder}{found[0]}", str(text))
