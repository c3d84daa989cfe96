"""Section `protocol`: revisions, timeouts and the accepted tokens."""

from __future__ import annotations

from pydantic import Field

from components.mcp.auth import JWKS_MAX_AGE
from components.mcp.era import Era

from .forms import Audience, JwksUrl, Origin, ScopeName, Url
from .section import Section


class AdditionalIssuer(Section):
    """Another authorization server whose tokens are accepted."""

    issuer: Url = Field(description="URL of the authorization server.")
    jwks_url: JwksUrl = Field(description="Where it publishes its keys.")


class Protocol(Section):
    """How long a tool may run, which MCP revisions are served, and whose tokens are accepted."""

    era: Era = Field(
        default="dual",
        description="MCP revisions served: modern (2026-07-28, no sessions), legacy, or dual.",
    )
    longest_tool_seconds: int = Field(
        default=60,
        ge=1,
        le=3600,
        description="Longest tool call, in seconds; every timeout follows.",
    )
    drain_seconds: int | None = Field(
        default=None,
        ge=2,
        le=7200,
        description="Seconds in which a stopping server finishes its calls; absent: derived.",
    )
    issuer: Url = Field(
        default="https://issuer.qudag-mcp.internal",
        description="URL of the authorization server whose tokens are accepted.",
    )
    audience: Audience | None = Field(
        default=None,
        description="Derived: the URL of each target, https://<domain>/mcp. Any other value is "
        "refused.",
    )
    jwks_url: JwksUrl | None = Field(
        default=None,
        description="Where the issuer publishes its keys; absent: keys made for a local cluster.",
    )
    allowed_origins: list[Origin] = Field(
        default=[],
        description="Web pages that may call every target (CORS), as https://host[:port].",
    )
    json_answers: bool = Field(
        default=False,
        description="Answer clients that accept only application/json, without progress; else 406.",
    )
    additional_audiences: list[Audience] = Field(
        default=[],
        description="Audiences accepted besides the target's URL, for an issuer that cannot issue "
        "tokens for a URL; for a stack with one target.",
    )
    additional_issuers: list[AdditionalIssuer] = Field(
        default=[],
        description="More authorization servers; their users are named <issuer>#<sub>.",
    )
    required_scopes: list[ScopeName] = Field(
        default=[],
        description="Scopes that every token must have; published in the metadata.",
    )
    access_tokens_only: bool = Field(
        default=False,
        description="Require the typ of access tokens, at+jwt (RFC 9068); else JWT and no typ "
        "are accepted too.",
    )
    clock_skew_seconds: int = Field(
        default=10,
        ge=0,
        le=300,
        description="How much the clocks of issuer and servers may differ, in seconds.",
    )
    jwks_max_age_seconds: int = Field(
        default=JWKS_MAX_AGE,
        ge=10,
        le=3600,
        description="Seconds after which keys are fetched again; tokens of a key that the issuer "
        "has withdrawn are accepted as long.",
    )

    @property
    def key_urls(self) -> list[str]:
        """Where keys are fetched from."""
        others = [other.jwks_url for other in self.additional_issuers]
        return [self.jwks_url, *others] if self.jwks_url else others
