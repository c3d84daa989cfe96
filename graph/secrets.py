"""Finds values that are secrets although the program does not mark them as such."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from components.base.credentials import looks_like_a_credential
from components.base.problems import Problem
from components.clouds import secret_inputs

from .resource_graph import SECRET, UNKNOWN, step

_NAME: Final = re.compile(
    r"(client_?secret|secret_?(key|string|data|value)|password|passwd|passphrase|token"
    r"|private_?key(_?pem)?|api_?key|connection_?string)$",
    re.IGNORECASE,
)
"""The end of a property's or a configuration key's name that says that its text is a secret."""

_EITHER: Final = re.compile(r"(secret|credentials|kubeconfig)$", re.IGNORECASE)
"""Such a property holds a secret, or the name, the id or the path of one."""

_REFERENCE: Final = re.compile(r"[\w.-]+|arn:\S+|projects/\S+|[~\w./-]+|https://[\w./-]+")
"""A name, an id or a path."""

_NO_SECRET: Final = re.compile(
    r"(creation|client|client_?request|request|idempotency|continuation|next|page)_?token$",
    re.IGNORECASE,
)
"""Names of properties that identify a request, or a page of a list."""

_ELSEWHERE: Final = re.compile(
    r"arn:\S+|projects/\S+|https://\S+\.vault\.azure\.net/\S+|@Microsoft\.KeyVault\(.*"
    r"|managedidentity|\$\{.*|\$\(.*|\{\{.*|(op|vault|ref|awssm|secret)(\+\w+)?://\S+"
)
"""A reference to a secret that is stored elsewhere."""

_STEP: Final = re.compile(r'([^.\[\]]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')
"""A step of a property path, as ``resource_graph.step`` writes it."""

_PLAIN_TYPES: Final = ("String", "StringList")
"""Types of a parameter whose value is none of the secrets that parameters may hold."""

SECRET_OBJECTS: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
    ("kubernetes:core/v1:Secret", "kubernetes:core/v1:SecretPatch"), ("data", "stringData")
)
"""Types of Kubernetes whose content is secret, with the properties that hold it."""


def hidden(type_token: str, properties: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A resource's inputs or outputs with ``SECRET`` in place of texts that are secrets.

    Returns the paths of those texts as well. In a Kubernetes object only the content of a Secret is
    hidden, and the values of a chart: another object is applied as it is.
    """
    paths: list[str] = []
    content = SECRET_OBJECTS.get(type_token) or secret_inputs(type_token)
    is_chart = type_token.startswith("kubernetes:helm.sh/")
    if type_token.startswith("kubernetes:") and not content and not is_chart:
        return dict(properties), paths
    return cast("dict[str, Any]", _hide(properties, "", content, paths)), paths


def in_clear(type_token: str, properties: Mapping[str, Any]) -> Iterator[str]:
    """Paths of inputs that hold a secret which the program contains in clear.

    Args:
        properties: as the program passes them; what it marks as secret is ``SECRET`` already.
    """
    _, paths = hidden(type_token, properties)
    stored = secret_inputs(type_token) if properties.get("type") in _PLAIN_TYPES else ()
    for path in paths:
        text = _at(properties, path)
        name = path.rpartition(".")[2]
        if type_token in SECRET_OBJECTS:
            content = _decoded(text) if path.startswith("data") else text
            if not looks_like_a_credential(name, content):
                continue
        if path not in stored and not _NO_SECRET.search(name) and not refers(text):
            yield path


def names_a_secret(name: str, text: str) -> bool:
    """Whether a property or a setting of this name has a secret for its text."""
    return bool(text) and not _NO_SECRET.search(name) and _is_secret(name, text)


def refers(text: str) -> bool:
    """Whether a text names a secret that is stored elsewhere, and is none itself."""
    return bool(_ELSEWHERE.fullmatch(text.strip()))


def _at(tree: Any, path: str) -> str:
    for key, index, quoted in _STEP.findall(path):
        tree = tree[int(index)] if index else tree[json.loads(quoted) if quoted else key]
    return str(tree)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        return text


def _hide(value: Any, path: str, content: tuple[str, ...], paths: list[str]) -> Any:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {key: _hide(one, step(path, key), content, paths) for key, one in fields.items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_hide(one, step(path, index), content, paths) for index, one in enumerate(items)]
    if not isinstance(value, str) or not value or value in (SECRET, UNKNOWN):
        return value
    if any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in content) or _is_secret(
        path.rpartition(".")[2], value
    ):
        paths.append(path)
        return SECRET
    return value


def _is_secret(name: str, text: str) -> bool:
    if _NAME.search(name):
        return text.lower() not in ("true", "false")
    return bool(_EITHER.search(name)) and not _REFERENCE.fullmatch(text)


def plaintext_secrets(config: Mapping[str, str], encrypted: Iterable[str]) -> list[Problem]:
    """Problems of configuration values that are secrets and stand in the stack file in clear.

    Args:
        config: by key with its namespace, such as ``aws:secretKey``; objects as JSON.
        encrypted: keys of values that are encrypted, as a whole or in parts.
    """
    safe = set(encrypted)
    problems: list[Problem] = []
    for key, text in config.items():
        if key in safe:
            continue
        problems += [
            Problem(
                path,
                "is a secret in clear",
                "everybody who can read the repository or the stack's state has it",
                f"replace that secret, and write the new one with: pulumi config set --secret {key}"
                + (" --path" if path != key else ""),
            )
            for path in _in_clear(_parsed(text), key)
        ]
    return problems


def _parsed(text: str) -> Any:
    if text[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _in_clear(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in cast("Mapping[str, Any]", value).items():
            yield from _in_clear(one, step(path, key))
    elif isinstance(value, list):
        for index, one in enumerate(cast("list[Any]", value)):
            yield from _in_clear(one, step(path, index))
    elif isinstance(value, str) and value and _is_secret(re.split(r"[.:]", path)[-1], value):
        yield path
