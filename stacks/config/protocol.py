"""Section `protocol`: revisions, timeouts and the accepted tokens."""

from __future__ import annotations

from pydantic import Field

from components.mcp.era import Era

from .forms import Audience, Origin, Url
from .section import Section


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
    audience: Audience = Field(
        default="qudag-mcp", description="Audience that a token must be issued for."
    )
    jwks_url: Url | None = Field(
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
