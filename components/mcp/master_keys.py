"""The master keys from which a server derives keys of users: which role mounts which of them."""

from __future__ import annotations

from typing import Final

from ..base.problems import Problem
from .roles import ROLES_WITH_USER_KEYS, ROLES_WITH_VAULT, Role

MASTER_KEYS_PATH: Final = "/etc/user-keys"
USER_MASTER_KEY: Final = "user-master-key"
VAULT_MASTER_KEY: Final = "vault-master-key"


def master_keys(role: Role, *, database: bool) -> dict[str, str]:
    """The section of server.toml of each master key that the role uses, and the key's file name.

    Args:
        database: whether the server has one, which a vault needs.
    """
    return {
        **({"user_keys": USER_MASTER_KEY} if role in ROLES_WITH_USER_KEYS else {}),
        **({"vault": VAULT_MASTER_KEY} if role in ROLES_WITH_VAULT and database else {}),
    }


def master_key_problems(secret: str | None, role: Role, *, database: bool) -> list[Problem]:
    """A problem if a server would mount master keys that it does not use."""
    if secret is None or master_keys(role, database=database):
        return []
    needs = ", or adds a database" if role in ROLES_WITH_VAULT else ""
    roles = ", ".join(sorted(ROLES_WITH_USER_KEYS | ROLES_WITH_VAULT))
    return [
        Problem(
            "user_keys_secret",
            f"is {secret}, and a server of the role {role} uses no master key",
            "its pods would have keys of all users without using them",
            f"leave it out{needs}; the roles {roles} use it",
        )
    ]
