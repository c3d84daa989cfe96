"""Finds secrets in clear: in variables, in the values of a chart, in scripts and in settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from components.base.credentials import (
    contains_a_credential,
    hides_a_credential,
    looks_like_a_credential,
    names_a_credential,
)
from graph.secrets import SECRET_OBJECTS, names_a_secret, refers

from .downloads import decoded
from .property_values import PropertyValue

_UPPER: Final = re.compile(r"[A-Z][A-Z0-9_]+")
_ENVIRONMENT: Final = re.compile(
    r"env|envs|env(ironment)?variables?|environment|variables|(app)?settings", re.IGNORECASE
)
_SHELL: Final = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[A-Z][A-Z0-9_]*)=["']?(?P<value>[^\s"'$`]+)""",
    re.MULTILINE,
)
"""An assignment of a shell: the value is a literal."""

_SETTING: Final = re.compile(
    r"""^[ \t]*["']?(?P<name>[A-Za-z][\w.-]*)["']?[ \t]*[=:][ \t]*
        (?:"(?P<double>[^"\n]+)"|'(?P<single>[^'\n]+)'|(?P<bare>[^\s"'`$(\[{<*%!&|>#;,]\S*))
        [ \t]*(?:[#;].*)?$""",
    re.MULTILINE | re.VERBOSE,
)
"""A line of an INI file, of properties, TOML or YAML, with a literal value."""

_KEY: Final = re.compile(r"secret_?key$", re.IGNORECASE)
"""In an object of Kubernetes, the key in a Secret; in the values of a chart, a secret."""

_NO_SETTING: Final = re.compile(
    r"(true|false|yes|no|on|off|none|null|nil|required|optional|string|\d+|[\w.]+[\[(].*|"
    r"rds|cloud-sql|azure|elasticache|memorystore)[,;]?",
    re.IGNORECASE,
)
"""Values that are no secret: words, numbers, expressions of a program, and kinds of tokens."""


def is_plain_secret(found: PropertyValue, value: str) -> bool:
    """Whether a text is, or contains, a secret that everyone who reads the program has."""
    if found.resource.type in SECRET_OBJECTS or refers(value):
        return False
    name, given = found.name, found.holder.get("name")
    if name == "value" and isinstance(given, str):
        return _is_variable(given, value)
    if _UPPER.fullmatch(name) or (_ENVIRONMENT.fullmatch(found.outer) and given is None):
        return _is_variable(name, value)
    if _is_secret_of_kubernetes(found.resource.type, name, value):
        return True
    given_freely = "_" in name or (found.in_text and not found.statement)
    if given_freely and (names_a_credential(name) or hides_a_credential(name, value)):
        return True
    return _contains_a_credential(value)


def _is_secret_of_kubernetes(token: str, name: str, value: str) -> bool:
    """Whether it is a secret among the values of a chart, or of an object that is no Secret."""
    if not token.startswith("kubernetes:") or not names_a_secret(name, value):
        return False
    return token.startswith("kubernetes:helm.sh/") or not _KEY.search(name)


def _is_variable(name: str, value: str) -> bool:
    return (
        looks_like_a_credential(name, value)
        or hides_a_credential(name, value)
        or ("\n" in value and _contains_a_credential(value))
    )


@lru_cache(maxsize=4096)
def _contains_a_credential(value: str) -> bool:
    """Whether a text or a script has one, also in base64; most texts occur many times."""
    return any(
        contains_a_credential(text) or _assigns_a_credential(text)
        for text in (value, decoded(value))
    )


def _assigns_a_credential(text: str) -> bool:
    """Whether a script or a file of settings has a secret: ``DB_PASSWORD=x``, ``password = x``."""
    return any(not refers(value) for value in (*_of_shell(text), *_of_settings(text)))


def _of_shell(text: str) -> Iterator[str]:
    for found in _SHELL.finditer(text) if "=" in text else ():
        name, value = found["name"], found["value"]
        if names_a_credential(name) or hides_a_credential(name, value):
            yield value


def _of_settings(text: str) -> Iterator[str]:
    if "\n" not in text and "=" not in text:
        return
    for found in _SETTING.finditer(text):
        value = found["double"] or found["single"] or found["bare"]
        name = re.sub(r"[.-]", "_", found["name"])
        if names_a_secret(name, value) and not _NO_SETTING.fullmatch(value):
            yield value
