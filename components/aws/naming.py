"""Physical names on AWS."""

from __future__ import annotations

from typing import Any

import pulumi

from ..base.component import Component
from ..base.naming import fitted, unique
from .facts import NAME_RULES
from .location import AwsLocation


def physical_name(token: str, owner: Component[Any], location: AwsLocation, *role: str) -> str:
    """The name in the account of the resource that has ``role`` in ``owner``.

    The name is within the limits of its type and ends in a suffix that is unique to the project,
    the stack, the account, the region, the component and the role.
    """
    return name_in_component(token, owner.name, location, *role)


def name_in_component(token: str, component: str, location: AwsLocation, *role: str) -> str:
    """As ``physical_name``, of a component that is known by its name alone."""
    stack = (pulumi.get_project(), pulumi.get_stack(), location.account, location.region)
    return fitted(NAME_RULES[token], component, *role, suffix=unique(*stack, component, *role))
