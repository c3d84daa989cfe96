"""The roles of an MCP server; a role determines the tools that it offers."""

from __future__ import annotations

from typing import Final, Literal, get_args

Role = Literal[
    "monolith",
    "core",
    "qudag",
    "auth",
    "tools",
    "config",
    "state",
    "consensus",
    "crypto",
    "federation",
]
"""Roles of the reference server. ``runtime/server_config.py`` has the same, and ``front``, held
equal by a test: it is shipped without this package."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)

ROLES_WITH_DATABASE: Final[frozenset[Role]] = frozenset({"state"})
"""Roles whose own tools all need a database."""

ROLES_WITH_USER_KEYS: Final[frozenset[Role]] = frozenset({"monolith", "crypto"})
"""Roles that encrypt and sign with keys of users."""

ROLES_WITH_VAULT: Final[frozenset[Role]] = frozenset({"monolith", "qudag"})
"""Roles that keep encrypted values of users in a database."""
