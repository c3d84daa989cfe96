"""What a cloud will say of a resource, as far as its inputs and its provider already tell it.

An engine's preview shows these as unknown. Here an ARN in a policy can be read, compared and
checked before anything is deployed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ..tree import dig
from .aws import AWS
from .azure import AZURE, UNLIKE_ITS_INPUT
from .gcp import GCP

FORETOLD: Final[Mapping[str, Mapping[str, str]]] = {**AWS, **AZURE, **GCP}
"""By type token: the path of an output, and its text.

``{name}`` stands for an input of the resource, dots lead into it; ``{logical}`` for its logical
name; ``{account}``, ``{region}``, ``{project}`` and ``{subscription}`` for the provider's. An
output whose parts are not all known stays unknown.
"""

_PART: Final = re.compile(r"\{([\w.]+)\}")
_PROVIDERS_OWN: Final = {
    "aws": {"region": "region"},
    "gcp": {"region": "region", "project": "project"},
    "azure-native": {"subscription": "subscriptionId", "location": "location"},
}


CLOUDS: Final = tuple(_PROVIDERS_OWN)
"""Pulumi's packages of the clouds."""


def is_of_a_cloud(token: str) -> bool:
    """Whether the type is one of the three clouds'."""
    return token.partition(":")[0] in CLOUDS


def foretold(
    token: str, logical: str, inputs: Mapping[str, Any], provider: Mapping[str, Any]
) -> dict[str, str]:
    """Outputs by path; ``id`` among them where it is more than the logical name."""
    package = token.partition(":")[0]
    facts: dict[str, Any] = {"logical": logical}
    for fact, key in _PROVIDERS_OWN.get(package, {}).items():
        facts[fact] = provider.get(key)
    if package == "aws":
        facts["account"] = _only(provider.get("allowedAccountIds"))
    found: dict[str, str] = {}
    for path, template in FORETOLD.get(token, {}).items():
        text = _filled(template, {**facts, **inputs})
        if text is not None:
            found[path] = text
    return found


def unlike_inputs(token: str) -> tuple[str, ...]:
    """Properties whose outputs are no echo of the inputs."""
    return UNLIKE_ITS_INPUT if token.startswith("azure-native:") else ()


def put(tree: Any, path: str, value: str) -> None:
    """Sets ``path`` of a protobuf struct; a 0 in it leads into the first item of a list."""
    head, _, rest = path.partition(".")
    if not rest:
        tree[head] = value
    elif rest.startswith("0."):
        items = tree.get_or_create_list(head)
        put(items[0] if len(items) else items.add_struct(), rest[2:], value)
    else:
        put(tree.get_or_create_struct(head), rest, value)


def _filled(template: str, facts: Mapping[str, Any]) -> str | None:
    parts = {part: dig(facts, *part.split(".")) for part in _PART.findall(template)}
    if not all(isinstance(part, str) and not _unknown(part) for part in parts.values()):
        return None
    return _PART.sub(lambda found: str(parts[found[1]]), template)


def _unknown(text: str) -> bool:
    return text.startswith("[")


def _only(accounts: Any) -> str | None:
    """The one account that a provider may touch; it comes as JSON, as all a provider's lists do."""
    found = re.findall(r"\d{12}", str(accounts))
    return found[0] if len(found) == 1 else None
