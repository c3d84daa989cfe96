"""The forms of text in stack files and in args: a pattern, words and an example for people.

Whatever is written into nginx's, PostgreSQL's or a server's own configuration has a form here that
holds no quote, no space, no line break and no character that ends a statement.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from .constraints import Form
from .versions import VERSIONS

LABEL: Final = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_POSITIVE = r"([1-9][0-9]{0,8}(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9])"
API_REFUSES: Final = "the API server refuses every object that contains it"

CPU: Final = Form(
    name="CPUs",
    pattern=rf"^({_POSITIVE}|[1-9][0-9]{{0,8}}m)$",
    words="a number of CPUs above 0, or thousandths of one with the unit m",
    examples=("2", "0.5", "250m"),
    consequence=API_REFUSES,
)
BYTES: Final = Form(
    name="size",
    pattern=rf"^{_POSITIVE}(Mi|Gi|Ti|M|G|T)$",
    words="a number above 0 with its unit: Mi, Gi, Ti, M, G or T",
    examples=("512Mi", "10Gi"),
    consequence="without a unit it is bytes, and m is thousandths of one: nothing would start",
)
NGINX_BYTES: Final = Form(
    name="request size",
    pattern="^[1-9][0-9]{0,5}[km]$",
    words="a whole number above 0 with its unit: k or m",
    examples=("50m", "512k"),
    consequence="nginx would not start, or (at 0) take requests of any size",
)
DNS_LABEL: Final = Form(
    name="name",
    pattern=f"^{LABEL}$",
    words="lower-case letters, digits and dashes, at most 63, beginning and ending without a dash",
    examples=("qudag-mcp-prod",),
    consequence=API_REFUSES,
    longest=63,
)
SECRET_NAME: Final = Form(
    name="Secret name",
    # Shorter than a label: the volume that mounts it is named after container and Secret.
    pattern="^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?$",
    words="the name of a Secret: lower-case letters, digits and dashes, at most 50",
    examples=("mcp-server-secrets",),
    consequence="the Secret would not be found; a password written here would be stored in Git",
    longest=50,
    secret=True,
)
OBJECT_NAME: Final = Form(
    name="object name",
    pattern=rf"^{LABEL}(\.{LABEL})*$",
    words="lower-case letters, digits, dashes and dots",
    examples=("fast-ssd",),
    consequence=API_REFUSES,
)
DOMAIN: Final = Form(
    name="host name",
    pattern=rf"^({LABEL}\.)+([a-z]{{2,63}}|xn--[-a-z0-9]{{0,58}}[a-z0-9])$",
    words="a host name alone, in lower case, without https:// and path",
    examples=("mcp.example.com",),
    consequence="no certificate could be issued for it, and no client could resolve it",
)
_PORT: Final = re.compile(r"^https?://[^/?]*:(\d+)(?=[/?]|$)")


def no_such_port(url: str) -> tuple[str, str, str] | None:
    """What is wrong with the port of a URL; the URL is not repeated."""
    port = _PORT.search(url)
    if port and int(port[1]) > 65535:
        return f"has port {port[1]}", "there is no such port", "write one up to 65535"
    return None


URL: Final = Form(
    name="URL",
    pattern=rf"^https://{LABEL}(\.{LABEL})*(:[1-9][0-9]{{0,4}})?(/[A-Za-z0-9._~%+-]+)*/?$",
    words="an https:// URL of host and path, without user, password, query and fragment",
    examples=("https://login.example.com/realms/qudag",),
    consequence="it would match no URL in a token, or requests to it would fail or be unencrypted",
    longest=2048,
    check=no_such_port,
)
WEB_URL: Final = replace(
    URL,
    name="web address",
    pattern=URL.pattern.replace("/?$", "(/)?$"),  # messages find a form by its pattern
    examples=("https://git.example.com/qudag-mcp/docs",),
    consequence="requests to it would fail, or would not be encrypted",
)
"""A URL that is requested, and is not compared with one in a token."""
ORIGIN: Final = Form(
    name="origin",
    pattern=(
        rf"^(https://{LABEL}(\.{LABEL})*|http://(localhost|127\.0\.0\.1|\[::1\]))"
        r"(:[1-9][0-9]{0,4})?$"
    ),
    words="https://host or https://host:port without a path; http:// only for localhost",
    examples=("https://inspector.example.com", "http://localhost:6274"),
    consequence="browsers send no such Origin, or the page could be replaced in transit",
    longest=300,
    check=no_such_port,
)
_CREDENTIALS: Final = re.compile(
    r"token|secret|passw|credential|signature|^(sig|key|code|auth|authorization|apikey|api[-_]key)$"
)


def names_a_credential(parameter: str) -> bool:
    """Whether a parameter of a request has the name of a credential."""
    return _CREDENTIALS.search(parameter.lower()) is not None


def _without_credentials(url: str) -> tuple[str, str, str] | None:
    """What is wrong with the port or the query of a URL of keys; the value is not repeated."""
    if refused := no_such_port(url):
        return refused
    for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if names_a_credential(name):
            return (
                f"its query has a credential ({name})",
                "it would be stored in a ConfigMap",
                "remove it and change that credential: keys to verify with are public",
            )
    return None


JWKS_URL: Final = Form(
    name="URL of keys",
    pattern=(
        rf"^https://{LABEL}(\.{LABEL})*(:[1-9][0-9]{{0,4}})?(/[A-Za-z0-9._~%+-]+)*/?"
        r"(\?[A-Za-z0-9._~%+&=:/-]+)?$"
    ),
    words="an https:// URL of host, path and query, without user, password and fragment",
    examples=("https://login.example.com/realms/qudag/protocol/openid-connect/certs",),
    consequence="no key could be fetched, or the keys could be replaced in transit",
    longest=2048,
    check=_without_credentials,
    secret=True,
)
SCOPE: Final = Form(
    name="scope",
    pattern=r"^[A-Za-z0-9!#$%&'()*+,./:;<=>?@^_`{|}~-]+$",
    words="an OAuth scope: one word of letters, digits and punctuation, without quotes",
    examples=("mcp:tools", "https://mcp.example.com/call"),
    consequence="no token could have it: every call would be refused",
)
AUDIENCE: Final = Form(
    name="audience",
    pattern="^[A-Za-z0-9][A-Za-z0-9._~:/@+-]*$",
    words="a name or URL: letters, digits and . _ ~ : / @ + -",
    examples=("https://mcp.example.com/mcp", "qudag-mcp"),
    consequence="no token could be issued for it: every call would be refused",
)
IMAGE: Final = Form(
    name="image",
    pattern=(
        r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)+"
        r"(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$"
    ),
    words="registry/name:tag, in staging and prod followed by @sha256: and the 64 digits of "
    "its digest",
    examples=("registry.example.com/team/program:1.2.3",),
    consequence="no node could pull it",
    longest=512,
)
CONTEXT: Final = Form(
    name="context",
    pattern="^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$",
    words="the name of a context of your kubeconfig (kubectl config get-contexts -o name)",
    examples=("qudag-prod", "arn:aws:eks:eu-west-1:123456789012:cluster/qudag"),
    consequence="no context of the kubeconfig would match it",
)
POD_SECURITY: Final = Form(
    name="version",
    pattern=r"^v1\.[0-9]{2}$",
    words="a version of Kubernetes: v1. and two digits",
    examples=(VERSIONS["kubernetes"]["podSecurity"],),
    consequence="the API server refuses the namespace",
)
LABEL_KEY: Final = Form(
    name="label name",
    pattern=rf"^({LABEL}(\.{LABEL})*/)?[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?$",
    words="the name of a label: letters, digits and . _ -",
    examples=("app", "app.kubernetes.io/name"),
    consequence=API_REFUSES,
)
LABEL_VALUE: Final = Form(
    name="label value",
    pattern="^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
    words="the value of a label: letters, digits and . _ -",
    examples=("prometheus",),
    consequence=API_REFUSES,
    longest=63,
)
VARIABLE: Final = Form(
    name="variable",
    pattern=r"^[A-Z][A-Z0-9_]{0,62}$",
    words="the name of an environment variable: capital letters, digits and _",
    examples=("API_KEY",),
    consequence="no process accepts such a name",
)
VARIABLE_NAME: Final = Form(
    name="environment variable",
    pattern="^[A-Za-z_][A-Za-z0-9_.-]*$",
    words="the name of an environment variable: letters, digits and _",
    examples=("QUDAG_ENV",),
    consequence=API_REFUSES,
)
ONE_LINE: Final = Form(
    name="line of text",
    pattern=r"^[^\x00-\x1f\x7f]*$",
    words="one line of text",
    examples=("http://proxy.example.com:3128",),
    consequence="it would break the line that it is written into",
    shortest=0,
    longest=4096,
)
EXPRESSION: Final = replace(
    ONE_LINE,
    name="regular expression",
    pattern=r"^[^\x00-\x1f\x7f]+$",
    words="a regular expression (RE2) in one line",
    examples=("sunny|rain",),
    consequence="nothing would be looked for in the answer",
    shortest=1,
)
FILE_NAME: Final = Form(
    name="file name",
    pattern="^[A-Za-z0-9_][A-Za-z0-9._-]*$",
    words="a file name alone: letters, digits and . _ -, not beginning with -",
    examples=("server.toml",),
    consequence=API_REFUSES,
)
