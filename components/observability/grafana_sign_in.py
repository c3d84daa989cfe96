"""How people sign in to Grafana: at an authorization server, by OpenID Connect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from ..base.arg_types import Url
from ..base.problems import Problem
from ..base.sign_in_forms import CLAIM, CLIENT_ID, GRAFANA_URL, SIGN_IN_SCOPE, USER_GROUP
from ..mcp.secret_key import SecretKey

ClientId = Annotated[str, CLIENT_ID]
SignInScope = Annotated[str, SIGN_IN_SCOPE]
ClaimName = Annotated[str, CLAIM]
UserGroup = Annotated[str, USER_GROUP]
GrafanaUrl = Annotated[str, GRAFANA_URL]
SCOPES: Final = ("openid", "profile", "email")
FORWARDED: Final = "https://localhost:3000"
"""Address of Grafana with ``kubectl port-forward`` to port 3000."""
_NAME: Final = re.compile("[A-Za-z_][A-Za-z0-9_]*")
"""A name that JMESPath reads without quotes."""
SIGNED_IN: Final = "12h"
"""Lifetime of a session. A user who was removed from a group keeps the role until it ends."""


@dataclass(frozen=True, kw_only=True)
class GrafanaRoles:
    """Groups of users whose members have a role of Grafana. A member of none cannot sign in.

    Attributes:
        claim: name of the claim of the ID token or of the user information that has the list of a
            user's groups; a dot precedes a field in the claim, except in a URL.
        admins: groups whose users may manage data sources, users and folders (Admin).
        editors: groups whose users may make dashboards (Editor).
        viewers: groups whose users may see dashboards, and query the data sources (Viewer).
    """

    claim: ClaimName = "groups"
    admins: Sequence[UserGroup] = ()
    editors: Sequence[UserGroup] = ()
    viewers: Sequence[UserGroup] = ()

    def refusals(self) -> Iterator[Problem]:
        """No group at all, and a group with two roles."""
        yield from role_problems(
            {"admins": self.admins, "editors": self.editors, "viewers": self.viewers}
        )


def role_problems(groups: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    """Problems of the groups of each role, by the field of the role, the highest role first."""
    if not any(groups.values()):
        yield Problem(
            list(groups)[-1],
            "names no group, and no other role does",
            "nobody could sign in",
            "name a group of users",
        )
    first: dict[str, str] = {}
    for field, names in groups.items():
        for number, name in enumerate(names):
            if first.get(name) == field:
                yield Problem(
                    f"{field}[{number}]",
                    f"is {name}, which is in {field} already",
                    "it would have no effect",
                    "leave it out",
                )
            elif name in first:
                yield Problem(
                    f"{field}[{number}]",
                    f"is {name}, which is in {first[name]} too",
                    "its members have the higher role: the lower one has no effect",
                    "leave it out of one of them",
                )
            first.setdefault(name, field)


@dataclass(frozen=True, kw_only=True)
class GrafanaSignIn:
    """A client of an authorization server, as which Grafana signs people in.

    Attributes:
        authorization_url: authorization endpoint, which browsers open.
        token_url: token endpoint, to which Grafana connects.
        user_info_url: endpoint of OpenID Connect's user information, to which Grafana connects.
        client_id: ID of Grafana's client at the authorization server.
        client_secret: key with the secret of that client.
        roles: groups of users by their role in Grafana.
        url: of Grafana, as browsers open it. The client's redirect URI is this and
            ``/login/generic_oauth``.
        scopes: OAuth scopes that are requested.
        ca: key with the CA that signs the certificates of the token and user
            information endpoints; None: the public CAs of the image.
    """

    authorization_url: Url
    token_url: Url
    user_info_url: Url
    client_id: ClientId
    client_secret: SecretKey
    roles: GrafanaRoles
    url: GrafanaUrl = FORWARDED
    scopes: Sequence[SignInScope] = SCOPES
    ca: SecretKey | None = None

    def refusals(self) -> Iterator[Problem]:
        """Scopes without an ID token."""
        yield from scope_problems(self.scopes)


def scope_problems(scopes: Sequence[str]) -> Iterator[Problem]:
    """Problems of the scopes of a sign-in."""
    if "openid" not in scopes:
        yield Problem(
            "scopes",
            "has no openid",
            "the authorization server would send no ID token and no user information",
            "add openid",
        )


def settings(
    sign_in: GrafanaSignIn, secret_file: str, ca_file: str | None
) -> Mapping[str, Mapping[str, str | bool]]:
    """The sections of grafana.ini.

    Args:
        sign_in: the client.
        secret_file: with its secret.
        ca_file: with the CA of the endpoints; None: public ones.
    """
    ca = {"tls_client_ca": ca_file} if ca_file else {}
    return {
        "server": {"root_url": f"{sign_in.url}/"},
        # No account with a password is made, so that nobody can sign in by one.
        "security": {"disable_initial_admin_creation": True},
        "auth": {
            "disable_login_form": True,
            # It would give a user the account of another one with the same e-mail address.
            "oauth_allow_insecure_email_lookup": False,
            "login_maximum_lifetime_duration": SIGNED_IN,
        },
        "auth.basic": {"enabled": False},
        "auth.generic_oauth": {
            "enabled": True,
            "name": "single sign-on",
            "client_id": sign_in.client_id,
            "client_secret": f"$__file{{{secret_file}}}",
            "auth_url": sign_in.authorization_url,
            "token_url": sign_in.token_url,
            "api_url": sign_in.user_info_url,
            "scopes": " ".join(sign_in.scopes),
            "use_pkce": True,
            # The database is empty at each start: an account is made when its user signs in.
            "allow_sign_up": True,
            "role_attribute_path": role_expression(sign_in.roles),
            "role_attribute_strict": True,
            "skip_org_role_sync": False,
            "allow_assign_grafana_admin": False,
            "tls_skip_verify_insecure": False,
            **ca,
        },
    }


def role_expression(roles: GrafanaRoles) -> str:
    """The JMESPath expression that has the role of a user; false or an error without one."""
    # [*] of a text is null, of which contains() is an error: a part of a text is no group.
    claim = f"{_path(roles.claim)}[*]"
    granted = {"Admin": roles.admins, "Editor": roles.editors, "Viewer": roles.viewers}
    parts: list[str] = []
    for role, groups in granted.items():
        member = " || ".join(f"contains({claim}, '{group}')" for group in groups)
        if member:
            parts.append(f"({member}) && '{role}'")
    return " || ".join(parts)


def _path(claim: str) -> str:
    """The path to a claim in JMESPath, with quotes where a name needs them."""
    is_whole = claim.startswith(("https://", "http://", "urn:"))
    names = [claim] if is_whole else claim.split(".")
    return ".".join(name if _NAME.fullmatch(name) else f'"{name}"' for name in names)
