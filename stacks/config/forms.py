"""The forms of text in a configuration: a pattern for machines, words and an example for people.

Whatever is written into nginx's, PostgreSQL's or a server's own configuration has a form here that
holds no quote, no space, no line break and no character that ends a statement.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from components.base.platform_addresses import is_reserved, unmapped
from components.base.versions import VERSIONS


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a text must look.

    Attributes:
        name: by which the documentation's tables refer to it.
        pattern: the regular expression, which nobody is shown.
        words: what it is, to follow "write".
        examples: texts of that form.
        consequence: what another text would lead to.
        longest: in characters.
    """

    name: str
    pattern: str
    words: str
    examples: tuple[str, ...]
    consequence: str
    longest: int = 253

    def field(self) -> Any:
        """The constraint that pydantic and the JSON Schema take."""
        return Field(
            pattern=self.pattern,
            min_length=1,
            max_length=self.longest,
            examples=list(self.examples),
        )


_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_POSITIVE = r"([1-9][0-9]{0,8}(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9])"
_REFUSED = "the API server refuses every object that carries it"

CPU: Final = Form(
    name="CPUs",
    pattern=rf"^({_POSITIVE}|[1-9][0-9]{{0,8}}m)$",
    words="a number of CPUs above 0, or thousandths of one with the unit m",
    examples=("2", "0.5", "250m"),
    consequence=_REFUSED,
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
    pattern=f"^{_LABEL}$",
    words="lower-case letters, digits and dashes, at most 63, beginning and ending without a dash",
    examples=("qudag-mcp-prod",),
    consequence=_REFUSED,
    longest=63,
)
SECRET_NAME: Final = Form(
    name="Secret name",
    # Shorter than a label: the volume that mounts it is named after container and Secret.
    pattern="^[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?$",
    words="the name of a Secret: lower-case letters, digits and dashes, at most 50",
    examples=("mcp-server-secrets",),
    consequence="the Secret could not be found; a value would stand in Git for all to read",
    longest=50,
)
OBJECT_NAME: Final = Form(
    name="object name",
    pattern=rf"^{_LABEL}(\.{_LABEL})*$",
    words="lower-case letters, digits, dashes and dots",
    examples=("fast-ssd",),
    consequence=_REFUSED,
)
DOMAIN: Final = Form(
    name="host name",
    pattern=rf"^({_LABEL}\.)+[a-z]{{2,63}}$",
    words="a host name alone, in lower case, without https:// and path",
    examples=("mcp.example.com",),
    consequence="no certificate could carry it, and no client could reach it",
)
URL: Final = Form(
    name="URL",
    pattern=rf"^https://{_LABEL}(\.{_LABEL})*(:[1-9][0-9]{{0,4}})?(/[A-Za-z0-9._~%+-]+)*/?$",
    words="an https:// URL of host and path, without user, password, query and fragment",
    examples=("https://login.example.com/realms/qudag",),
    consequence="it could not be compared with a token's, or tokens would travel in clear",
    longest=2048,
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
    examples=(VERSIONS["images"]["server"],),
    consequence="no node could pull it",
    longest=512,
)
CONTEXT: Final = Form(
    name="context",
    pattern="^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$",
    words="the name of a context of your kubeconfig (kubectl config get-contexts -o name)",
    examples=("qudag-prod", "arn:aws:eks:eu-west-1:123456789012:cluster/qudag"),
    consequence="no cluster could be found by it",
)
POD_SECURITY: Final = Form(
    name="version",
    pattern=r"^v1\.[0-9]{2}$",
    words="a version of Kubernetes: v1. and two digits",
    examples=(VERSIONS["kubernetes"]["podSecurity"],),
    consequence="the API server refuses the namespace",
)
CIDR: Final = Form(
    name="network",
    pattern=("^([0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}|[0-9a-fA-F:]*:[0-9a-fA-F:]*/[0-9]{1,3})$"),
    words="a network with its mask; a single address has /32",
    examples=("10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32"),
    consequence="the API server refuses the network policy",
)
LABEL_KEY: Final = Form(
    name="label name",
    pattern=rf"^({_LABEL}(\.{_LABEL})*/)?[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?$",
    words="the name of a label: letters, digits and . _ -",
    examples=("app", "app.kubernetes.io/name"),
    consequence="the API server refuses the network policy",
)
LABEL_VALUE: Final = Form(
    name="label value",
    pattern="^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
    words="the value of a label: letters, digits and . _ -",
    examples=("prometheus",),
    consequence="the API server refuses the network policy",
    longest=63,
)

FORMS: Final = {
    form.pattern: form
    for form in (
        *(CPU, BYTES, NGINX_BYTES, DNS_LABEL, SECRET_NAME, OBJECT_NAME, DOMAIN, URL, AUDIENCE),
        *(IMAGE, CONTEXT, POD_SECURITY, CIDR, LABEL_KEY, LABEL_VALUE),
    )
}
"""By pattern, as a refusal names it."""

WIDEST: Final = {4: 8, 6: 16}
"""The shortest mask of a network, by IP version: more than that is no network of anybody's."""


def refusal(reason: str, consequence: str, fix: str) -> PydanticCustomError:
    """What a validator raises, in the words that a person is told."""
    context = {"reason": reason, "consequence": consequence, "fix": fix}
    return PydanticCustomError("refused", "{reason}", context)


def _network(written: str) -> str:
    try:
        network = ipaddress.ip_network(written, strict=False)
    except ValueError:
        fix = f"write {CIDR.words}, such as {CIDR.examples[0]}"
        raise refusal(f"is {written!r}: there is no such address", CIDR.consequence, fix) from None
    plain = unmapped(network)
    if plain.prefixlen < WIDEST[plain.version]:
        every = "every address there is" if plain.prefixlen == 0 else "a large part of the world"
        raise refusal(
            f"is {written}: that is {every}",
            "the network policies would hold nobody back",
            "name the networks that are meant; a gateway for all the world is network.public: true",
        )
    if is_reserved(network):
        raise refusal(
            f"is {written}, where machines get their credentials",
            "whatever runs in a pod could act as the machine that it runs on",
            "leave it out",
        )
    if str(network) != str(ipaddress.ip_interface(written).with_prefixlen):
        reason = f"is {written}, which has bits set behind its mask"
        raise refusal(reason, CIDR.consequence, f"write {network}")
    return written


def _as_text(value: object) -> object:
    """``cpu: 2`` needs no quotes."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Cpu = Annotated[
    str,
    BeforeValidator(_as_text),
    CPU.field(),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": CPU.pattern},
                {"type": "number", "exclusiveMinimum": 0},
            ],
            "examples": list(CPU.examples),
        }
    ),
]
Bytes = Annotated[str, BYTES.field()]
NginxBytes = Annotated[str, NGINX_BYTES.field()]
DnsLabel = Annotated[str, DNS_LABEL.field()]
SecretName = Annotated[str, SECRET_NAME.field()]
ObjectName = Annotated[str, OBJECT_NAME.field()]
Domain = Annotated[str, DOMAIN.field()]
Url = Annotated[str, URL.field()]
Audience = Annotated[str, AUDIENCE.field()]
Image = Annotated[str, IMAGE.field()]
Context = Annotated[str, CONTEXT.field()]
PodSecurityVersion = Annotated[str, POD_SECURITY.field()]
Cidr = Annotated[str, CIDR.field(), AfterValidator(_network)]
LabelKey = Annotated[str, LABEL_KEY.field()]
LabelValue = Annotated[str, LABEL_VALUE.field()]
