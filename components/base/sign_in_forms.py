"""Forms of the fields of Grafana's sign-in at an authorization server.

grafana.ini begins a comment at ``#`` and ``;``, Grafana replaces what follows ``$`` and ``%(``, and
JMESPath ends a text at a quote: no form here has one of these characters.
"""

from __future__ import annotations

from typing import Final

from .constraints import Form
from .forms import LABEL, no_such_port

_OTHERWISE: Final = "Grafana would read another rule for roles, or none: nobody could sign in"
_SIGNS: Final = "'" + r'"`\\#;%$\x00-\x1f\x7f-\x9f\u2028\u2029'
"""Inside a class of characters: what ends a text or begins a comment, and ends of lines."""
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
        r"^((https?://|urn:)[A-Za-z0-9._~:/-]+"
        r"|[A-Za-z0-9_][A-Za-z0-9_:-]*(\.[A-Za-z0-9_][A-Za-z0-9_:-]*)*)$"
    ),
    words="the name of a claim: letters, digits and _ : -, with a dot before the name of a field "
    "in it; or a URL or URN as name",
    examples=("groups", "realm_access.roles", "cognito:groups", "https://example.com/roles"),
    consequence=_OTHERWISE,
    longest=255,
)
USER_GROUP: Final = Form(
    name="group of users",
    pattern=rf"^[^\s{_SIGNS}]([^{_SIGNS}]*[^\s{_SIGNS}])?$",
    words="the name of a group as it is in the claim, in a line, without quotes, backslashes and "
    "the characters # ; % $",
    examples=("mcp-operators", "/platform/admins", "CN=admins,DC=example,DC=com"),
    consequence=_OTHERWISE,
    longest=255,
)
GRAFANA_URL: Final = Form(
    name="URL of Grafana",
    pattern=rf"^https://({LABEL}\.)*{LABEL}(:[1-9][0-9]{{0,4}})?$",
    words="https://host or https://host:port without a path",
    examples=("https://localhost:3000", "https://grafana.example.com"),
    consequence="after a sign-in, browsers would find no Grafana there, or send no cookie to it",
    longest=300,
    check=no_such_port,
)
FORMS: Final = (CLIENT_ID, SIGN_IN_SCOPE, CLAIM, USER_GROUP, GRAFANA_URL)
