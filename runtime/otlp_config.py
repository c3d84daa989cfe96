"""What the sections of server.toml for receivers of OTLP have in common."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from .store_config import in_memory_file
from .toml_config import Section

RECEIVER: Final = r"^https?://[^/?#@\s]+/[^?#\s]*$"
"""URL of an OTLP receiver with its path."""
SET_BY_SENDERS: Final = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length"),
        *("content-type", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding"),
        *("upgrade", "user-agent"),
    }
)
"""Headers, in small letters, that the server sets itself when it sends."""


def _is_for_tokens(name: str) -> str:
    if name.lower() in SET_BY_SENDERS:
        raise ValueError(f"{name} is set by the server itself: name another header")
    return name


HeaderName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$"), AfterValidator(_is_for_tokens)
]
"""Name of a header that has a token."""


class OtlpSection(Section):
    """Base of the sections for receivers of OTLP over HTTP with protobuf.

    Attributes:
        endpoint: its URL, such as `https://collector:4318/v1/traces`.
        ca_file: CAs that may have signed its certificate; without it and `ca` those of
            the system.
        ca: the same as text, in PEM.
        token_env: name of the environment variable with what is sent in `header`; without it
            nothing is sent.
        header: the header that has the token.
        scheme: what precedes the token in it; none: nothing.
        queue: most spans or lines that wait for it; further ones are dropped and counted.
        timeout_seconds: for one attempt to send, and for the last ones when the server ends.
    """

    endpoint: Annotated[str, Field(pattern=RECEIVER)]
    ca_file: Path | None = None
    ca: str | None = None
    token_env: str | None = None
    header: HeaderName = "Authorization"
    scheme: Literal["Bearer", "Basic", "ApiKey", "none"] = "Bearer"
    queue: Annotated[int, Field(ge=512, le=65_536)] = 4096
    timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 5

    @model_validator(mode="after")
    def authorities_and_tokens_are_for_tls(self) -> Self:
        if self.ca_file is not None and self.ca is not None:
            raise ValueError("set ca_file or ca, not both")
        if urlsplit(self.endpoint).scheme == "https":
            return self
        if self.ca_file is not None or self.ca is not None:
            raise ValueError("ca_file and ca have no effect on http://: use https:// in endpoint")
        if self.token_env is not None:
            raise ValueError("the token would be sent in clear: use https:// in endpoint")
        return self

    def headers(self) -> dict[str, str]:
        """What is sent with each request; raises `OSError` if the variable is not set."""
        if self.token_env is None:
            return {}
        if self.token_env not in os.environ:
            raise OSError(f"{self.token_env} is not set")
        token = os.environ[self.token_env].strip()
        return {self.header: token if self.scheme == "none" else f"{self.scheme} {token}"}

    def authorities(self) -> str | None:
        """The file with the CAs; None: those of the system."""
        if self.ca is not None:
            return in_memory_file(self.ca)
        return str(self.ca_file) if self.ca_file is not None else None
