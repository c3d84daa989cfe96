"""Reads TOML into pydantic models, and reports all problems as lines for the operator."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError


class ConfigError(Exception):
    """The configuration is wrong; each problem is one line of the message.

    Args:
        source: begins each line; empty: the problems name their places.
    """

    def __init__(self, source: Path | str, problems: list[str]) -> None:
        at = f"{source}: " if source else ""
        self.problems = tuple(f"{at}{problem}" for problem in problems)
        super().__init__("\n".join(self.problems))


class StartError(Exception):
    """The configuration is right, but the server cannot start; the message says why."""


class Section(BaseModel):
    """Base of the models: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Table = TypeVar("Table", bound=Section)


def read_table(source: Path, model: type[Table]) -> Table:
    """Read the TOML file `source` into `model`; raises `ConfigError`."""
    return validated(source, parsed(source, text_of(source)), model)


def text_of(source: Path, kind: str = "TOML") -> str:
    """The text of a file that has to be `kind`; raises `ConfigError`."""
    try:
        return source.read_text()
    except OSError as error:
        raise ConfigError(source, [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError(source, [f"is not {kind}: {error}"]) from None


def parsed(source: Path | str, text: str) -> dict[str, Any]:
    """Parse the TOML `text`; raises `ConfigError`, whose lines begin with `source`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(source, [f"is not TOML: {error}"]) from None


def validated(source: Path | str, content: dict[str, Any], model: type[Table]) -> Table:
    """Validate `content` as `model`; raises `ConfigError` with all problems in it."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [_in_words(problem, model) for problem in error.errors(include_url=False)]
        raise ConfigError(source, problems) from None


def _in_words(problem: Any, model: type[Section]) -> str:
    path = [str(part) for part in problem["loc"]]
    where = ".".join(path) or "the file"
    match problem["type"]:
        case "extra_forbidden":
            known = _keys(model, path[:-1])
            near = difflib.get_close_matches(path[-1], known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            return f"{where}: unknown key; {hint}"
        case "missing":
            return f"{where}: missing"
        case "value_error":
            return f"{where}: {problem['ctx']['error']}"
        case _:
            return f"{where}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"


def _keys(model: type[Section], path: list[str]) -> list[str]:
    for part in path:
        if not part.isdigit():  # the position of an entry of a list
            model = next(_sections(model.model_fields[part].annotation))
    return list(model.model_fields)


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """The models that a type names, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from _sections(inner)
