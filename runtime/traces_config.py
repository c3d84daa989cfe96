"""The `[traces]` section of server.toml: where the server sends its spans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from .toml_config import Section

RECEIVER: Final = r"^https?://[^/?#@\s]+/[^?#\s]*$"
"""URL of an OTLP receiver with its path."""


class TracesSection(Section):
    """The `[traces]` section; without it the server makes no spans.

    Attributes:
        endpoint: URL of an OTLP receiver (HTTP with protobuf), such as
            `https://collector:4318/v1/traces`.
        ca_file: authorities that may have signed its certificate; without it those of the system.
        queue: most spans that wait for it; further ones are dropped and counted.
        timeout_seconds: for one attempt to send spans, and for the last ones when the server ends.
    """

    endpoint: Annotated[str, Field(pattern=RECEIVER)]
    ca_file: Path | None = None
    queue: Annotated[int, Field(ge=512, le=65_536)] = 4096
    timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 5

    @model_validator(mode="after")
    def authorities_are_for_tls(self) -> Self:
        if self.ca_file is not None and urlsplit(self.endpoint).scheme != "https":
            raise ValueError("ca_file has no effect on http://: use https:// in endpoint")
        return self
