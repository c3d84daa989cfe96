"""The name an object gets in the cluster when the program leaves it out."""

from __future__ import annotations

import hashlib
import re

from .resource_graph import UNKNOWN, Resource
from .tree import dig

_LIMIT = 63  # the shortest limit of any kind's name (RFC 1123 label)


def object_name(resource: Resource) -> str:
    """``metadata.name``, or a valid name from the logical one, the same in every run."""
    given = dig(resource.inputs, "metadata", "name")
    return str(given) if given and given != UNKNOWN else label(resource.name)


def label(text: str) -> str:
    """``text`` as an RFC 1123 label; where it has to be cut, a hash keeps it unique."""
    cleaned = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"
    if len(cleaned) <= _LIMIT:
        return cleaned
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{cleaned[: _LIMIT - 9].rstrip('-')}-{digest}"
