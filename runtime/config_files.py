"""Reads server.toml, and the files and variables that it includes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from .config import Config
from .config_forms import FORMS, SERVER_YAML, SWITCHES, Fixed, Switch, Value
from .toml_config import ConfigError, Section, parsed, text_of, validated

INCLUDE = "include"


class IncludeSection(Section):
    """An `[[include]]` table.

    Attributes:
        form: which keys the values have; see `config_forms`.
        path: of server.yaml, the file; of the others, a directory with a file for each key. Without
            it, of the others: environment variables with the names of the keys.
    """

    form: Literal["server.yaml", "environment", "global-config", "region-config"]
    path: Path | None = None


class Included(Section):
    """The part of server.toml that lists included sources."""

    include: tuple[IncludeSection, ...] = ()


@dataclass
class _Sources:
    """The values that were read, and where each is from.

    Attributes:
        content: as server.toml has it.
        origins: the places of included values, by the key that they set.
        off: values that replace others, by key.
    """

    source: Path
    content: dict[str, Any]
    origins: dict[str, str] = field(default_factory=dict[str, str])
    off: dict[str, object] = field(default_factory=dict[str, object])
    problems: list[str] = field(default_factory=list[str])

    def include(self, where: str, said: object, means: Value | Switch | Fixed) -> None:
        """Add the value of one key; `where` is its place in messages."""
        match means:
            case Fixed():
                if str(said).lower() != means.value:
                    self.problems.append(
                        f"{where}: is {said}, and must be {means.value}: {means.why}"
                    )
            case Switch():
                on = SWITCHES.get(str(said).lower())
                if on is None:
                    self.problems.append(f"{where}: is {said}, and must be true or false")
                elif not on:
                    self.off[means.at] = means.off
            case Value():
                try:
                    values = means.convert(said)
                except ValueError as error:
                    self.problems.append(f"{where}: {error}")
                    return
                for at, value in zip(means.at, values, strict=True):
                    self._set(where, at, value)

    def _set(self, where: str, at: str, value: object) -> None:
        section, _, key = at.partition(".")
        table = self.content.setdefault(section, {})
        if not isinstance(table, dict):
            return  # the models refuse it
        stated = cast("dict[str, Any]", table)
        if key in stated:
            other = self.origins.get(at, f"{self.source}: {at}")
            self.problems.append(f"{where}: {other} sets the same value: remove one of them")
            return
        stated[key] = value
        self.origins[at] = where

    def switched(self) -> dict[str, Any]:
        """The content, with the effects of the switches that are off."""
        for at, value in self.off.items():
            section, _, key = at.partition(".")
            table = self.content.setdefault(section, {})
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        return self.content

    def in_its_place(self, problem: str) -> str:
        """A problem with an included value, under the place that the value was read from."""
        where, _, what = problem.removeprefix(f"{self.source}: ").partition(": ")
        return f"{self.origins[where]}: {what}" if where in self.origins else problem


def load(source: Path) -> Config:
    """Read the file `source` and what it includes; raises `ConfigError` with all problems."""
    content = parsed(source, text_of(source))
    tables = {INCLUDE: content.pop(INCLUDE, [])}
    sources = _Sources(source, content)
    for included in validated(source, tables, Included).include:
        for where, key, said in _values(source, included):
            means = FORMS[included.form].get(key)
            if means is None:
                sources.problems.append(f"{where}: unknown key{_hint(key, FORMS[included.form])}")
            else:
                sources.include(where, said, means)
    if sources.problems:
        raise ConfigError("", sources.problems)
    try:
        return validated(source, sources.switched(), Config)
    except ConfigError as error:
        if not sources.origins:
            raise
        raise ConfigError("", [sources.in_its_place(one) for one in error.problems]) from None


def _values(source: Path, included: IncludeSection) -> Iterator[tuple[str, str, object]]:
    """Each value with its place and its key; raises `ConfigError`."""
    form, path = included.form, included.path
    if form == SERVER_YAML:
        if path is None:
            raise ConfigError(
                source, [f"include: the form {form} needs path, the path of the file"]
            )
        for key, value in _yaml_keys(path):
            yield f"{path}: {key}", key, value
    elif path is None:
        for key in FORMS[form]:
            if key in os.environ:
                yield f"variable {key}", key, os.environ[key]
    elif not path.is_dir():
        raise ConfigError(source, [f"include: {path} is not a directory"])
    else:
        # Kubernetes keeps the files of a volume in hidden directories.
        for file in sorted(path.iterdir()):
            if not file.name.startswith("."):
                yield str(file), file.name, text_of(file, "text").strip()


def _yaml_keys(path: Path) -> Iterator[tuple[str, object]]:
    """The keys of a YAML file with two levels, as `section.key`."""
    import yaml

    try:
        content: object = yaml.safe_load(text_of(path, "YAML"))
    except yaml.YAMLError as error:
        raise ConfigError(path, [f"is not YAML: {' '.join(str(error).split())}"]) from None
    if not isinstance(content, dict):
        raise ConfigError(path, ["must have sections with keys"])
    for section, keys in cast("dict[Any, object]", content).items():
        if not isinstance(keys, dict):
            raise ConfigError(path, [f"{section}: must be a section with keys"])
        for key, value in cast("dict[Any, object]", keys).items():
            yield f"{section}.{key}", value


def _hint(key: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}"
