"""Roles are declared once for the components, and the shipped server has the same."""

from __future__ import annotations

from components.mcp.roles import (
    ROLES,
    ROLES_WITH_DATABASE,
    ROLES_WITH_USER_KEYS,
    ROLES_WITH_VAULT,
)
from components.mcp.user_container import FRONT_ROLE
from runtime.server_config import Role
from runtime.tools import ROLE_TOOLS


def test_the_servers_roles_are_those_of_the_components():
    assert {role.value for role in Role} == {*ROLES, FRONT_ROLE}
    assert {role.value for role in ROLE_TOOLS} == {*ROLES, FRONT_ROLE}


def test_each_role_is_listed_once():
    assert len(ROLES) == len(set(ROLES))


def test_a_role_needs_a_database_exactly_when_its_own_tools_are_those_of_the_memory():
    memory = {"remember", "recall"}
    offered = {role.value: set(tools) - {"echo"} for role, tools in ROLE_TOOLS.items()}
    assert {role for role, own in offered.items() if own and own <= memory} == ROLES_WITH_DATABASE


def test_the_roles_with_keys_and_with_a_vault_are_those_whose_tools_use_them():
    tools = {role.value: set(offered) for role, offered in ROLE_TOOLS.items()}
    assert {role for role, offered in tools.items() if "sign" in offered} == ROLES_WITH_USER_KEYS
    assert {role for role, offered in tools.items() if "vault_read" in offered} == ROLES_WITH_VAULT
