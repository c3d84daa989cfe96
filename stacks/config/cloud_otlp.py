"""Fields that the section `otlp` of every cloud has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .forms import HeaderName, WebUrl
from .section import Section


class CloudOtlp(Section):
    """Where containers in a cloud send spans and copies of their log lines, by OTLP over HTTP.

    Functions send none.
    """

    url: WebUrl = Field(
        description="URL of your receiver, without /v1/traces and /v1/logs, which are appended."
    )
    header: HeaderName = Field(
        default="Authorization", description="The header that has the token, such as DD-API-KEY."
    )
    scheme: Literal["Bearer", "Basic", "ApiKey", "none"] = Field(
        default="Bearer",
        description="What precedes the token in the header; none: the token alone, for a header "
        "such as DD-API-KEY.",
    )
    ca: str | None = Field(
        default=None,
        description="Certificates of the CAs that sign the receiver's certificate, in PEM; absent: "
        "public ones.",
    )
    traces: bool = Field(default=True, description="Send the spans of requests.")
    logs: bool = Field(
        default=True,
        description="Send a copy of each log line; the log of the cloud has the line as well.",
    )
