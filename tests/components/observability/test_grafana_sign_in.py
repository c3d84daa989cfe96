"""What grafana.ini says of a sign-in, and which role the claims of a user give."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import jmespath
import pytest
from jmespath.exceptions import JMESPathError

from components.base.sign_in_forms import USER_GROUP
from components.mcp.secret_key import SecretKey
from components.observability.grafana_config import grafana_ini
from components.observability.grafana_sign_in import (
    GrafanaRoles,
    GrafanaSignIn,
    role_expression,
)

ISSUER: Final = "https://login.example.com"
SIGN_IN: Final = GrafanaSignIn(
    authorization_url=f"{ISSUER}/authorize",
    token_url=f"{ISSUER}/token",
    user_info_url=f"{ISSUER}/userinfo",
    client_id="grafana",
    client_secret=SecretKey(secret="grafana-client", key="secret"),
    roles=GrafanaRoles(admins=["ops"], editors=["dev", "/mcp/authors"], viewers=["On Call"]),
    ca=SecretKey(secret="issuer-ca", key="ca.crt"),
)
DOCUMENTED: Final = frozenset(
    {
        *("enabled", "name", "icon", "client_id", "client_secret", "auth_url", "token_url"),
        *("api_url", "auth_style", "scopes", "empty_scopes", "allow_sign_up", "auto_login"),
        *("login_prompt", "id_token_attribute_name", "login_attribute_path"),
        *("name_attribute_path", "email_attribute_path", "email_attribute_name"),
        *("role_attribute_path", "role_attribute_strict", "skip_org_role_sync"),
        *("org_attribute_path", "org_mapping", "allow_assign_grafana_admin"),
        *("groups_attribute_path", "allowed_groups", "allowed_organizations", "allowed_domains"),
        *("team_ids", "team_ids_attribute_path", "teams_url", "tls_skip_verify_insecure"),
        *("tls_client_cert", "tls_client_key", "tls_client_ca", "use_pkce", "use_refresh_token"),
        "signout_redirect_url",
    }
)
"""Options of [auth.generic_oauth]: the table of Grafana's page "Configure generic OAuth2"."""


def settings(sign_in: GrafanaSignIn | None = SIGN_IN) -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(grafana_ini(traces=False, sign_in=sign_in))
    return read


def test_a_code_is_exchanged_with_pkce_by_a_client_whose_secret_is_a_file():
    oauth = settings()["auth.generic_oauth"]
    assert oauth.getboolean("enabled")
    assert oauth.getboolean("use_pkce")
    assert {key: oauth[key] for key in ("auth_url", "token_url", "api_url")} == {
        "auth_url": "https://login.example.com/authorize",
        "token_url": "https://login.example.com/token",
        "api_url": "https://login.example.com/userinfo",
    }
    assert oauth["client_id"] == "grafana"
    assert oauth["client_secret"] == "$__file{/etc/grafana/sign-in/grafana-client/secret}"
    assert oauth["tls_client_ca"] == "/etc/grafana/sign-in/issuer-ca/ca.crt"
    assert not oauth.getboolean("tls_skip_verify_insecure")
    assert oauth["scopes"].split() == ["openid", "profile", "email"]
    assert settings()["server"]["root_url"] == "https://localhost:3000/"


def test_nobody_signs_in_by_a_password_once_there_is_an_issuer():
    read = settings()
    assert read["auth"].getboolean("disable_login_form")
    assert not read["auth.basic"].getboolean("enabled")
    assert read["security"].getboolean("disable_initial_admin_creation")
    assert not {"admin_user", "admin_password"} & set(read["security"])
    assert "secret_key" in read["security"]
    assert not read["users"].getboolean("allow_sign_up")
    assert not read["auth.anonymous"].getboolean("enabled")
    assert not read["auth"].getboolean("oauth_allow_insecure_email_lookup")


def test_without_an_issuer_admin_has_a_password_and_no_provider_is_there():
    read = settings(None)
    assert read["security"]["admin_user"] == "admin"
    assert not {"auth", "auth.basic", "auth.generic_oauth"} & set(read.sections())
    assert "root_url" not in read["server"]


def test_a_user_has_an_account_once_the_claims_have_a_role_and_is_never_server_admin():
    oauth = settings()["auth.generic_oauth"]
    assert oauth.getboolean("allow_sign_up")
    assert oauth.getboolean("role_attribute_strict")
    assert not oauth.getboolean("skip_org_role_sync")
    assert not oauth.getboolean("allow_assign_grafana_admin")
    hours = re.fullmatch(r"(\d+)h", settings()["auth"]["login_maximum_lifetime_duration"])
    assert hours
    assert int(hours[1]) <= 24


def test_every_option_of_the_provider_is_in_grafanas_documentation():
    assert set(settings()["auth.generic_oauth"]) <= DOCUMENTED


def test_no_value_has_a_character_that_ini_or_grafana_reads_as_something_else():
    """``#`` and ``;`` begin comments; ``%`` and ``$`` begin what is replaced."""
    for name in settings().sections():
        for value in settings()[name].values():
            assert not set("#;%`\\") & set(value)
            assert "$" not in re.sub(r"^\$__file\{[^{}$]+\}$", "", value)


def role(claims: Mapping[str, Any], roles: GrafanaRoles = SIGN_IN.roles) -> object:
    """The role that Grafana reads; None: the user may not sign in."""
    try:
        found = jmespath.search(role_expression(roles), claims)
    except JMESPathError:
        return None
    return found if isinstance(found, str) else None


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"groups": ["ops"]}, "Admin"),
        ({"groups": ["a", "dev"]}, "Editor"),
        ({"groups": ["/mcp/authors"]}, "Editor"),
        ({"groups": ["On Call"]}, "Viewer"),
        ({"groups": ["On Call", "ops", "dev"]}, "Admin"),
        ({"groups": ["OPS"]}, None),
        ({"groups": ["devops", "opsx"]}, None),
        ({"groups": []}, None),
        ({"groups": "ops"}, None),
        ({"groups": "devops"}, None),
        ({"groups": {"ops": True}}, None),
        ({"groups": None}, None),
        ({"roles": ["ops"]}, None),
        ({}, None),
    ],
)
def test_a_member_of_a_group_has_its_highest_role_and_nobody_else_has_one(
    claims: Mapping[str, Any], expected: str | None
):
    assert role(claims) == expected


@pytest.mark.parametrize(
    ("claim", "claims", "others"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["ops"]}}, {"realm_access": "ops"}),
        ("https://example.com/roles", {"https://example.com/roles": ["ops"]}, {"roles": ["ops"]}),
        (
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
            {"http://schemas.microsoft.com/ws/2008/06/identity/claims/role": ["ops"]},
            {"role": ["ops"]},
        ),
        # Amazon Cognito: the groups of a user are in this claim of the tokens.
        ("cognito:groups", {"cognito:groups": ["ops"]}, {"cognito": {"groups": ["ops"]}}),
        (
            "resource_access.my-client.roles",  # of a client in Keycloak
            {"resource_access": {"my-client": {"roles": ["ops"]}}},
            {"resource_access": {"my": {"roles": ["ops"]}}},
        ),
        ("my-groups", {"my-groups": ["ops"]}, {"my": ["ops"], "groups": ["ops"]}),
        ("urn:example.com:roles", {"urn:example.com:roles": ["ops"]}, {"roles": ["ops"]}),
        ("2fa", {"2fa": ["ops"]}, {"fa": ["ops"]}),
    ],
)
def test_a_claim_may_be_in_another_one_or_have_a_url_as_name(
    claim: str, claims: dict[str, Any], others: dict[str, Any]
):
    assert role(claims, GrafanaRoles(claim=claim, admins=["ops"])) == "Admin"
    assert role(others, GrafanaRoles(claim=claim, admins=["ops"])) is None


@pytest.mark.parametrize(
    "group", ["CN=admins,OU=x,DC=example,DC=com", "Betrieb für alle", "a & b (c) [d]", "x|y", "ß"]
)
def test_a_group_is_read_from_grafana_ini_as_it_is_in_the_claim(group: str):
    roles = GrafanaRoles(viewers=[group])
    path = settings(replace(SIGN_IN, roles=roles))["auth.generic_oauth"]["role_attribute_path"]
    assert path == role_expression(roles)
    assert role({"groups": [group]}, roles) == "Viewer"
    assert USER_GROUP.problem("viewers", group) is None


@pytest.mark.parametrize(
    "group",
    [
        *("o'ps", 'o"ps', "o`ps", "a\\b", "a#b", "a;b", "a%(x)s", "$x"),
        *("a\nb", "ab\n", "a\x85b", "a\u2028b", "a\x00b", " a", "a ", ""),
    ],
)
def test_a_group_that_ini_or_jmespath_reads_as_something_else_is_refused(group: str):
    assert USER_GROUP.problem("viewers", group) is not None


def test_a_role_without_groups_is_given_to_nobody():
    assert role({"groups": [""]}, GrafanaRoles(viewers=["mcp"])) is None
    assert "Admin" not in role_expression(GrafanaRoles(viewers=["mcp"]))
