"""Section `observability.standalone.grafana`: the platform's own Grafana, and who may sign in."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from components.base import sign_in_forms

from .forms import WebUrl, checked, constraint
from .pods import SecretKey
from .section import Section

GRAFANA_FORMS: Final = {form.pattern: form for form in sign_in_forms.FORMS}
"""By pattern, as a refusal names it."""
_Group = Annotated[str, constraint(sign_in_forms.USER_GROUP)]
_Url = Annotated[str, constraint(sign_in_forms.GRAFANA_URL), checked(sign_in_forms.GRAFANA_URL)]
_Scope = Annotated[str, constraint(sign_in_forms.SIGN_IN_SCOPE)]


class GrafanaRoles(Section):
    """Groups of users that have a role of Grafana. A user who is in none of them cannot sign in."""

    claim: Annotated[str, constraint(sign_in_forms.CLAIM)] = Field(
        default="groups",
        description="Claim of the ID token or of the user information with the list of a user's "
        "groups.",
    )
    admins: list[_Group] = Field(
        default=[],
        description="Groups whose users may manage data sources, users and folders (Admin).",
    )
    editors: list[_Group] = Field(
        default=[], description="Groups whose users may make dashboards (Editor)."
    )
    viewers: list[_Group] = Field(
        default=[], description="Groups whose users may see dashboards (Viewer)."
    )


class GrafanaSignIn(Section):
    """A client of the issuer, as which Grafana signs people in; nobody signs in by a password."""

    authorization_url: WebUrl = Field(
        description="authorization_endpoint of the issuer's metadata; browsers open it."
    )
    token_url: WebUrl = Field(description="token_endpoint of the issuer's metadata.")
    user_info_url: WebUrl = Field(description="userinfo_endpoint of the issuer's metadata.")
    client_id: Annotated[str, constraint(sign_in_forms.CLIENT_ID)] = Field(
        description="ID of Grafana's client at the authorization server."
    )
    client_secret: SecretKey = Field(
        description="Key with the secret of that client, of a Secret in the namespace of "
        "monitoring."
    )
    roles: GrafanaRoles = Field(description="Groups of users by their role in Grafana.")
    url: _Url = Field(
        default="https://localhost:3000",
        description="Grafana as browsers open it; the redirect URI of the client is "
        "<url>/login/generic_oauth.",
    )
    scopes: list[_Scope] = Field(
        default=["openid", "profile", "email"], description="Scopes that are requested."
    )
    ca: SecretKey | None = Field(
        default=None,
        description="Key with the CA that signs the issuer's certificate, of a Secret in "
        "the namespace of monitoring; absent: a public one.",
    )


class OwnGrafana(Section):
    """The platform's own Grafana, with its dashboards. It has no volume."""

    sign_in: GrafanaSignIn | None = Field(
        default=None,
        description="How people sign in at an authorization server; absent: as admin, with the "
        "password in mcp-grafana.",
    )
