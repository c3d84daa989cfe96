"""What `observability.logs.sink` and `observability.traces.sink` have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .forms import Cidr, HeaderName, WebUrl
from .pods import SecretKey
from .section import Section


class OtlpSink(Section):
    """A sink outside the platform, which takes OTLP over HTTP with TLS."""

    url: WebUrl = Field(
        description="URL of the sink, without /v1/logs or /v1/traces, which is appended."
    )
    networks: list[Cidr] = Field(
        min_length=1,
        max_length=50,
        description="Networks of the sink's addresses; network policies allow connections to them "
        "at the URL's port.",
    )
    token: SecretKey | None = Field(
        default=None,
        description="Key with the token, which has no spaces; absent: no token is sent.",
    )
    header: HeaderName = Field(
        default="Authorization", description="The header that has the token, such as DD-API-KEY."
    )
    scheme: Literal["Bearer", "Basic", "ApiKey", "none"] = Field(
        default="Bearer",
        description="What precedes the token in the header; none: the token alone, for a header "
        "such as DD-API-KEY.",
    )
    ca: SecretKey | None = Field(
        default=None,
        description="CA that signs the sink's certificate; absent: a public one.",
    )
