"""The `[auth]` section of server.toml: issuers, their keys, this server's resource and scopes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from .toml_config import Section

ADDRESS = "<address>"
"""In `resource_hosts`: every IP address. A host name cannot contain these characters."""
WebUrl = Annotated[str, Field(pattern=r"^https?://[^\s\"\\?#]+$")]
HostPattern = Annotated[str, Field(pattern=r"^(<address>|[A-Za-z0-9*][A-Za-z0-9.*-]*)$")]
ScopeName = Annotated[str, Field(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]+$")]
"""RFC 6749, section 3.3."""


class IssuerSection(Section):
    """An authorization server and its keys (a JWK Set): from a file, or from a URL."""

    # Without "#": the users of an additional issuer are named by it, `#` and their `sub`.
    issuer: Annotated[str, Field(min_length=1, pattern="^[^#]+$")]
    jwks_file: Path | None = None
    jwks_url: Annotated[str, Field(pattern=r"^https?://")] | None = None

    @model_validator(mode="after")
    def one_source_of_keys(self) -> Self:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("set exactly one of jwks_file and jwks_url")
        return self


class AuthSection(IssuerSection):
    """The `[auth]` section: whose tokens are accepted (RFC 9068), for what, and with which scopes.

    Attributes:
        resource_url: this server's identifier (RFC 9728): it is advertised, and the claim `aud` of
            a token must contain it (RFC 8707). Without it, it is derived from the host name of
            each request, if `resource_hosts` has that name.
        additional_resource_urls: this server's URLs at other host names, with `resource_url`. For a
            request to one of these names it is the resource, and the claim `aud` must contain it.
        audience: the same URL again; with another value the server does not start.
        resource_hosts: host names without ports that the resource may be derived from; `*` is any
            part of a name, and `<address>` any IP address.
        forwarded_host: the gateway in front sets `X-Forwarded-Host`, and nobody else can connect.
            Otherwise a client could set it, and it is ignored.
        additional_audiences: accepted besides the resource, for issuers that cannot issue tokens
            for a URL. A token for one of them is accepted by every server that has it.
        additional_issuers: more authorization servers, each with its own keys. Their users are
            named `<issuer>#<sub>`, because a `sub` is unique for one issuer only.
        required_scopes: that every token must have; the others get 403.
        access_tokens_only: require the `typ` of access tokens, `at+jwt`. Otherwise `JWT` and no
            `typ` are accepted too, because many issuers do not set `at+jwt`.
        clock_skew_seconds: how much the clocks of issuer and server may differ.
        jwks_max_age_seconds: how long keys from a `jwks_url` are used before they are read again;
            tokens of a withdrawn key are accepted as long.
        jwks_ca_file: certificates of CAs to trust besides the public ones when keys are
            fetched.
    """

    audience: Annotated[str, Field(min_length=1)] | None = None
    resource_url: WebUrl | None = None
    additional_resource_urls: tuple[WebUrl, ...] = ()
    resource_hosts: tuple[HostPattern, ...] = ("localhost", ADDRESS)
    forwarded_host: bool = False
    additional_audiences: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    additional_issuers: tuple[IssuerSection, ...] = ()
    required_scopes: tuple[ScopeName, ...] = ()
    access_tokens_only: bool = False
    clock_skew_seconds: Annotated[float, Field(ge=0, le=300)] = 10
    jwks_max_age_seconds: Annotated[float, Field(ge=10, le=3600)] = 300
    jwks_ca_file: Path | None = None

    @model_validator(mode="after")
    def the_audience_is_the_resource(self) -> Self:
        if self.audience is None or self.audience == self.resource:
            return self
        if self.resource_url is not None:
            raise ValueError(
                f"audience is {self.audience}, but resource_url is {self.resource_url}: clients "
                "ask for tokens for the resource, and all of those would be refused; leave "
                "audience out, or name it in additional_audiences"
            )
        raise ValueError(
            f"audience is {self.audience}, which is not the URL of this server: clients ask for "
            "tokens for its URL, and all of those would be refused; set resource_url in its place, "
            "or name it in additional_audiences"
        )

    @model_validator(mode="after")
    def issuers_differ(self) -> Self:
        names = [issuer.issuer for issuer in self.issuers]
        if len(set(names)) < len(names):
            raise ValueError("issuer and additional_issuers name one issuer twice")
        return self

    @model_validator(mode="after")
    def host_names_differ(self) -> Self:
        if not self.additional_resource_urls:
            return self
        if self.resource is None:
            raise ValueError(
                "additional_resource_urls is set, but resource_url is not: the resource would be "
                "derived for every other host name; set resource_url, or leave it out"
            )
        names = [urlsplit(url).hostname for url in (self.resource, *self.additional_resource_urls)]
        if len(set(names)) < len(names):
            raise ValueError(
                "resource_url and additional_resource_urls have one host name twice: a request to "
                "it would have two resources; give each URL a host name of its own"
            )
        return self

    @property
    def issuers(self) -> tuple[IssuerSection, ...]:
        """Every issuer whose tokens are accepted; the first one is `issuer`."""
        return self, *self.additional_issuers

    @property
    def resource(self) -> str | None:
        """The resource if it is configured; None if it is derived from each request."""
        if self.resource_url is None and (self.audience or "").startswith(("https://", "http://")):
            return self.audience
        return self.resource_url
