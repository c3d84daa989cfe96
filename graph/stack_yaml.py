"""Reads Pulumi.<stack>.yaml as Pulumi does, and refuses what Pulumi would ignore."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import yaml

from components.base.problems import Problem, ProblemReport, nearest

from .project import KEY_PREFIX

TOP_LEVEL: Final = ("config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt")
"""What Pulumi itself reads in a stack's file."""

MOST_VALUES: Final = 10_000
"""More than any stack has; nested YAML aliases exceed it quickly."""

_MERGE: Final = "tag:yaml.org,2002:merge"


class Loader(yaml.SafeLoader):
    """Pulumi's YAML: yes, on, 1:30 and dates are text; ``duplicates`` keeps duplicate keys."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.duplicates: list[tuple[str, int]] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set[str]()
        for key, _ in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if key.value in seen:
                self.duplicates.append((key.value, key.start_mark.line + 1))
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    ours = {
        "tag:yaml.org,2002:bool": (r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
        "tag:yaml.org,2002:int": (r"^[-+]?(0|[1-9][0-9]*)$", "-+0123456789"),
        "tag:yaml.org,2002:float": (
            r"^[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?$",
            "-+.0123456789",
        ),
    }
    kept = {
        first: [(tag, form) for tag, form in forms if tag.endswith((":null", ":merge"))]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for tag, (pattern, firsts) in ours.items():
        for first in firsts:
            kept.setdefault(first, []).append((tag, re.compile(pattern)))
    return kept


Loader.yaml_implicit_resolvers = _resolvers()


def read_stack_file(file: Path) -> dict[str, Any]:
    """The ``config`` of a stack's file: full key to plain value.

    Raises:
        ProblemReport: it is not YAML, a key is duplicated, there is no ``config``, or it holds
            what Pulumi does not read.
    """
    read = read_yaml(file)
    if problems := list(_malformed(read, file.name)):
        raise ProblemReport(problems)
    return read["config"]


def read_yaml(file: Path) -> Any:
    """What a YAML file holds.

    Raises:
        ProblemReport: it is not YAML, or a key is duplicated.
    """
    try:
        loader = Loader(file.read_bytes())
        read = loader.get_single_data()
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{file.name}:{mark.line + 1}:{mark.column + 1}" if mark else file.name
        reason = getattr(error, "problem", None) or getattr(error, "reason", "nested too deep")
        problem = Problem(
            place,
            f"is not YAML: {reason}",
            "the configuration cannot be read",
            _syntax_fix(str(reason)),
        )
        raise ProblemReport([problem]) from None
    if loader.duplicates:
        raise ProblemReport(
            Problem(
                f"{file.name}:{line}",
                f"{key!r} is defined twice",
                "one of the two values would be ignored without a message",
                "remove one, or merge their values under one key",
            )
            for key, line in loader.duplicates
        )
    return read


def _syntax_fix(reason: str) -> str:
    for sign, fix in (
        (r"'\t'", "indent with spaces; YAML allows no tabs"),
        ("quoted scalar", "close the quotes"),
        ("end of stream", "close the quotes that are open here"),
        ("stream end", "close the bracket that is open here"),
        (
            "mapping values are not allowed",
            "indent it as its neighbours, or put the value in quotes",
        ),
        ("undefined alias", "write the value out, or define it with & before"),
        ("constructor", "write plain text, numbers, lists and keys; leave tags (!) out"),
        ("document", "leave one document: remove --- and what follows"),
        ("special characters", "save the file as UTF-8 text"),
        ("codec", "save the file as UTF-8 text"),
        ("invalid", "save the file as UTF-8 text"),
    ):
        if sign in reason:
            return fix
    return "correct it here or just above: the same indentation for neighbours, a space after ':'"


def _malformed(read: Any, name: str) -> Iterator[Problem]:
    ignored = "it would have no effect, and no command would report that"
    defaults = "the stack would be made of defaults that suit a developer's machine"
    below = f"write config: and below it, indented, {KEY_PREFIX}environment: dev, staging or prod"
    if not isinstance(read, dict):
        what = "is empty" if read is None else "is not a mapping of keys"
        yield Problem(name, what, defaults, below)
        return
    top = cast("dict[Any, Any]", read)
    for key in top.keys() - set(TOP_LEVEL):
        text = str(key)
        meant = nearest(text, TOP_LEVEL)
        if text.startswith(KEY_PREFIX):
            fix = "indent it by two spaces below config:"
        elif meant:
            fix = f"write {meant}"
        else:
            fix = f"remove it, or write {KEY_PREFIX}{text} below config: if it was meant for there"
        yield Problem(f"{name}: {text!r}", "is not a key that Pulumi reads here", ignored, fix)
    config = top.get("config")
    if isinstance(config, dict):
        yield from _odd_values(cast("dict[Any, Any]", config), name)
    elif "config" in top:
        what = "is empty" if config is None else "is not a mapping of keys"
        yield Problem(f"{name}: config", what, defaults, below)
    elif not any(nearest(str(key), ["config"]) for key in top):
        yield Problem(f"{name}: config", "is missing", defaults, below)


def _odd_values(config: dict[Any, Any], name: str) -> Iterator[Problem]:
    for key, value in config.items():
        if not isinstance(key, str):
            what = f"the key {key!r} is not text"
            yield Problem(f"{name}: {key!r}", what, "nothing reads it", f"write {KEY_PREFIX}…")
        elif value is None:
            yield Problem(
                key,
                "is empty",
                "it is unclear whether the default is intended or a value is missing",
                "write its value, or its keys on lines below it, indented; or remove the line",
            )
        elif not _is_plain(value):
            yield Problem(
                key,
                "contains itself, a key that is not a string, or too many values",
                "it cannot be passed to the program",
                "write the values without anchors, with strings as keys",
            )


def _is_plain(value: Any) -> bool:
    """Whether it is a tree of text keys, of a size that a person may have written."""
    waiting, seen = [value], 0
    while waiting and seen <= MOST_VALUES:
        seen += 1
        inner = waiting.pop()
        if isinstance(inner, dict):
            mapping = cast("dict[Any, Any]", inner)
            if not all(isinstance(key, str) for key in mapping):
                return False
            waiting += mapping.values()
        elif isinstance(inner, list):
            waiting += cast("list[Any]", inner)
        elif isinstance(inner, set | bytes):
            return False
    return not waiting
