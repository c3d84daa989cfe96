"""Whose tokens a server accepts, for what, and with which scopes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import pulumi

from ..base.arg_types import Audience, ClockSkew, JwksUrl, KeysAge, ScopeName, SecretName, Url
from ..base.problems import Problem
from .target import MCP_PATH

JWKS_MAX_AGE: Final = 300
"""A withdrawn key is accepted for five minutes at most. Each server process sends the issuer one
request in that time. New keys are fetched at once, with the first token that names one."""


@dataclass(frozen=True, kw_only=True)
class AdditionalIssuer:
    """Another authorization server.

    Attributes:
        issuer: its URL; ``iss`` of its tokens.
        jwks_url: where it publishes its keys.
    """

    issuer: Url
    jwks_url: JwksUrl


@dataclass(frozen=True, kw_only=True)
class TokenIssuer:
    """Whose tokens a server accepts.

    Attributes:
        issuer: URL of the authorization server; ``iss`` of every token.
        audience: the URL of the server, ``https://<domain>/mcp``, which ``aud`` of every token
            names. It follows from the domain; any other value is refused.
        additional_audiences: accepted besides the server's URL, for issuers that cannot issue
            tokens for a URL. Every server that has one of them accepts its tokens.
        additional_issuers: more authorization servers; their users are named ``<issuer>#<sub>``.
        required_scopes: scopes that every token must have.
        access_tokens_only: require the ``typ`` of access tokens, ``at+jwt`` (RFC 9068).
        clock_skew_seconds: how much the clocks of issuer and server may differ.
        jwks_max_age_seconds: how long fetched keys are used before they are read again. Tokens of
            a key that the issuer has withdrawn are accepted as long.
    """

    issuer: Url
    audience: Audience | None = None
    additional_audiences: Sequence[Audience] = ()
    additional_issuers: Sequence[AdditionalIssuer] = ()
    required_scopes: Sequence[ScopeName] = ()
    access_tokens_only: bool = False
    clock_skew_seconds: ClockSkew = 10
    jwks_max_age_seconds: KeysAge = JWKS_MAX_AGE

    def refusals(self) -> list[Problem]:
        """A problem for each issuer that is listed twice."""
        seen = {self.issuer}
        found: list[Problem] = []
        for index, other in enumerate(self.additional_issuers):
            if other.issuer in seen:
                found.append(
                    Problem(
                        f"additional_issuers[{index}].issuer",
                        f"{other.issuer} is listed already",
                        "tokens of this issuer could be verified with the wrong keys",
                        "list each issuer once",
                    )
                )
            seen.add(other.issuer)
        return found


@dataclass(frozen=True, kw_only=True)
class Auth(TokenIssuer):
    """A server that fetches the issuer's keys over HTTPS.

    Attributes:
        jwks_url: where the issuer publishes its keys.
    """

    jwks_url: JwksUrl


@dataclass(frozen=True, kw_only=True)
class PodAuth(TokenIssuer):
    """A server in a pod, which fetches the issuer's keys or mounts them: exactly one of the two.

    Attributes:
        jwks_url: where the issuer publishes its keys.
        jwks_secret: Secret with the key ``jwks.json``, for an issuer that publishes none.
        jwks_ca_secret: Secret with the key ``ca.crt``: CAs to trust besides the public
            ones when keys are fetched.
    """

    jwks_url: JwksUrl | None = None
    jwks_secret: SecretName | None = None
    jwks_ca_secret: SecretName | None = None

    def refusals(self) -> list[Problem]:
        """Both sources of keys or none, and an age of fetched keys where none are fetched."""
        found = super().refusals()
        fetches = self.jwks_url or self.additional_issuers
        if self.jwks_max_age_seconds != JWKS_MAX_AGE and not fetches:
            found.append(
                Problem(
                    "jwks_max_age_seconds",
                    "is set, and no keys are fetched",
                    "it would have no effect: mounted keys are read again every 10 seconds",
                    "leave it out, or set jwks_url",
                )
            )
        if self.jwks_url and self.jwks_secret:
            found.append(
                Problem(
                    "jwks_secret",
                    "is set, and so is jwks_url",
                    "the mounted keys would not be used",
                    "leave out one of the two",
                )
            )
        if not (self.jwks_url or self.jwks_secret):
            found.append(
                Problem(
                    "jwks_secret",
                    "is missing, and so is jwks_url",
                    "the server could not verify any token",
                    "set jwks_url, or name the Secret that holds jwks.json",
                )
            )
        return found


@dataclass(frozen=True, kw_only=True)
class Resource:
    """How a server derives its own URL, which is the audience of its tokens.

    Attributes:
        url: its URL, if it is known before the server starts.
        hosts: else the host names that it may be derived from; ``*`` is any part of a name.
        forwarded: whether the host name is taken from ``X-Forwarded-Host``, set by the gateway.
    """

    url: pulumi.Input[str] | None = None
    hosts: Sequence[str] = ()
    forwarded: bool = False


def resource_url(domain: str) -> str:
    """The URL of the MCP endpoint at ``domain``."""
    return f"https://{domain}{MCP_PATH}"


def audience_problems(auth: TokenIssuer, domain: str | None) -> list[Problem]:
    """A problem if the audience is not the URL that the server advertises (RFC 8707, RFC 9728)."""
    path = "auth.audience"
    if auth.audience is None or (domain and auth.audience == resource_url(domain)):
        return []
    if domain:
        return [
            Problem(
                path,
                f"is {auth.audience}, and the server advertises {resource_url(domain)}",
                "clients ask for tokens for what is advertised: all of those would be refused",
                "leave it out, or name it in additional_audiences if your issuer cannot issue "
                "tokens for a URL",
            )
        ]
    return [
        Problem(
            path,
            f"is {auth.audience}, and there is no domain: the server's URL is known when it is "
            "deployed",
            "clients ask for tokens for that URL: all of those would be refused",
            "leave it out, or name it in additional_audiences if your issuer cannot issue tokens "
            "for a URL",
        )
    ]


def key_ports(urls: Sequence[str]) -> list[int]:
    """The ports that keys are fetched from."""
    return sorted({urlsplit(url).port or 443 for url in urls})


def domain_problems(domain: str | None, others: Sequence[str]) -> Iterator[Problem]:
    """Host names without a first one, or the same one twice."""
    if others and domain is None:
        yield Problem(
            "additional_domains",
            "is set, and domain is None",
            "the servers would not know their URL at any other host name",
            "set domain, and list the other names here",
        )
    for index, name in enumerate(others):
        if name in (domain, *others[:index]):
            yield Problem(
                f"additional_domains[{index}]",
                f"is {name}, which is there already",
                "one name would have two URLs",
                "leave it out",
            )
