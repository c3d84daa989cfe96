"""Physical names on Google Cloud."""

from __future__ import annotations

from typing import Any

import pulumi

from ..base.component import Component
from ..base.naming import fitted, unique
from .facts import NAME_RULES
from .location import GcpLocation


def physical_name(token: str, owner: Component[Any], location: GcpLocation, *role: str) -> str:
    """The name in the project of the resource that has ``role`` in ``owner``.

    The name is within the limits of its type and ends in a suffix that is unique to the stack, the
    project, the region, the component and the role.
    """
    stack = (pulumi.get_project(), pulumi.get_stack(), location.project, location.region)
    return fitted(NAME_RULES[token], owner.name, *role, suffix=unique(*stack, owner.name, *role))
