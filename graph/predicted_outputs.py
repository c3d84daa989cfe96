"""Predicts outputs of cloud resources that follow from their inputs and their provider.

An engine's preview shows these as unknown. Here an ARN in a policy can be read, compared and
checked before anything is deployed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from components.base.cloud_facts import CloudFacts
from components.clouds import cloud_of

from .tree import dig

_PART: Final = re.compile(r"\{([\w.]+)\}")


def predicted_outputs(
    token: str, logical: str, inputs: Mapping[str, Any], provider: Mapping[str, Any]
) -> dict[str, str]:
    """Outputs by path; ``id`` among them where it is more than the logical name.

    A template of the cloud's ``PREDICTED_OUTPUTS`` names inputs of the resource (dots lead into
    them), ``logical`` for its logical name, and what ``PROVIDER_VALUES`` takes from the provider.
    An output whose parts are not all known stays unknown.
    """
    cloud = cloud_of(token)
    if cloud is None:
        return {}
    known: dict[str, Any] = {"logical": logical, **_of_provider(cloud.facts, provider), **inputs}
    templates: Mapping[str, str] = cloud.facts.PREDICTED_OUTPUTS.get(token, {})
    filled = {path: _filled(template, known) for path, template in templates.items()}
    return {path: text for path, text in filled.items() if text is not None}


def outputs_unlike_inputs(token: str) -> tuple[str, ...]:
    """Properties whose outputs differ in structure from the inputs of the same name."""
    cloud = cloud_of(token)
    return cloud.facts.OUTPUTS_UNLIKE_INPUTS if cloud else ()


def put(tree: Any, path: str, value: str) -> None:
    """Sets ``path`` of a protobuf struct; a 0 in it leads into the first item of a list."""
    head, _, rest = path.partition(".")
    if not rest:
        tree[head] = value
    elif rest == "0":
        tree[head] = [value]
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


def _of_provider(facts: CloudFacts, provider: Mapping[str, Any]) -> dict[str, Any]:
    """What templates may name of the provider; for a list, its only item."""
    given = {name: provider.get(key) for name, key in facts.PROVIDER_VALUES.items()}
    return {name: _only_item(value) for name, value in given.items()}


def _only_item(value: Any) -> Any:
    """The item of a list with one; a provider's lists come as JSON."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, list):
        return value
    items = cast("list[Any]", value)
    return items[0] if len(items) == 1 else None
