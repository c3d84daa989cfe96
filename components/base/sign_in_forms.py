"""Forms of what Grafana is told about an authorization server.

grafana.ini begins a comment at ``#`` and ``;``, Grafana replaces what follows ``$`` and ``%``, and
JMESPath ends a text at a quote: no form has one of these characters.
"""

from __future__ import annotations

from typing import Final

from .constraints import Form

_NOBODY: Final = "no user would have a role: nobody could sign in"
CLIENT_ID: Final = Form(
    name="client ID",
    pattern="^[A-Za-z0-9][A-Za-z0-9._:/@-]*$",
    words="the ID of a client: letters, digits and . _ : / @ -",
    examples=("grafana",),
    consequence="the authorization server would not find the client",
    longest=255,
)
SIGN_IN_SCOPE: Final = Form(
    name="scope of a sign-in",
    pattern="^[A-Za-z][A-Za-z0-9._~:/@+-]*$",
    words="an OAuth scope: letters, digits and . _ ~ : / @ + -",
    examples=("openid", "groups"),
    consequence="the authorization server would refuse the request, or leave claims out",
    longest=255,
)
CLAIM: Final = Form(
    name="claim",
    pattern=(
        r"^([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
        r"|https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~-]+)*/?)$"
    ),
    words="the name of a claim, with a dot before the name of a field in it, or a URL as name",
    examples=("groups", "realm_access.roles", "https://example.com/roles"),
    consequence=_NOBODY,
    longest=255,
)
USER_GROUP: Final = Form(
    name="group of users",
    pattern=r"^[A-Za-z0-9/_]([A-Za-z0-9 ._~:/@+-]*[A-Za-z0-9._~:/@+-])?$",
    words="the name of a group as it is in the claim: letters, digits, spaces and . _ ~ : / @ + -",
    examples=("mcp-operators", "/platform/admins"),
    consequence=_NOBODY,
    longest=255,
)
FORMS: Final = (CLIENT_ID, SIGN_IN_SCOPE, CLAIM, USER_GROUP)
