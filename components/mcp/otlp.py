"""Where a server in a cloud sends its spans and copies of its log lines, by OTLP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from ..base.arg_types import HeaderName, Text, Url, Word
from ..base.authorities import authority_problems
from ..base.problems import Problem
from .otlp_problems import path_problems, token_problems

TOKEN_VARIABLE: Final = "QUDAG_MCP_OTLP_TOKEN"  # noqa: S105  (the name of a variable)
"""Environment variable with the token, which the cloud fills from its secret store."""
TLS: Final = 443
LONGEST_AUTHORITY: Final = 12_000
"""Characters. They are in server.toml twice, in a variable of at most 32,768 bytes in Cloud Run
(Cloud Run Admin API v2, EnvVar)."""

Scheme = Literal["Bearer", "Basic", "ApiKey", "none"]


@dataclass(frozen=True, kw_only=True)
class OtlpReceiver:
    """A receiver of yours: OTLP over HTTP with protobuf and TLS.

    Attributes:
        url: of the receiver, without /v1/traces and /v1/logs.
        token: the secret with the token; None: no token is sent.
        header: the header that has the token.
        scheme: what precedes the token in the header; none: the token alone.
        ca: certificates of the CAs that sign the receiver's certificate, in PEM; None: public ones.
        traces: send the spans of requests to ``/v1/traces``.
        logs: send a copy of each log line to ``/v1/logs``; the cloud's own log has it as well.
        environment: name of the environment, in spans and log lines.
    """

    url: Url
    token: str | None = None
    header: HeaderName = "Authorization"
    scheme: Scheme = "Bearer"
    ca: Text | None = None
    traces: bool = True
    logs: bool = True
    environment: Word | None = None

    @property
    def has_token(self) -> bool:
        """Whether a token is sent with each request."""
        return self.token is not None

    @property
    def port(self) -> int:
        """The port of its URL."""
        return urlsplit(self.url).port or TLS

    def refusals(self) -> list[Problem]:
        """A header without a token, a scheme that does not fit, and nothing to send."""
        return [
            *otlp_problems(self, has_token=self.has_token),
            *authority_problems(
                self.ca,
                read_in="the settings of the server",
                unverified="the server could not verify the receiver, and would send nothing",
                longest=LONGEST_AUTHORITY,
            ),
        ]

    def tables(self) -> dict[str, Any]:
        """The sections of server.toml."""
        given = {
            "token_env": TOKEN_VARIABLE if self.has_token else None,
            "header": self.header if self.header != "Authorization" else None,
            "scheme": self.scheme if self.scheme != "Bearer" else None,
            "ca": self.ca,
        }
        shared = {name: value for name, value in given.items() if value is not None}
        base = self.url.rstrip("/")
        return {
            **({"traces": {"endpoint": f"{base}/v1/traces", **shared}} if self.traces else {}),
            **({"log_export": {"endpoint": f"{base}/v1/logs", **shared}} if self.logs else {}),
        }


def otlp_problems(receiver: Any, *, has_token: bool) -> Iterator[Problem]:
    """What is wrong between the fields of a receiver, in a program or in a stack file.

    Args:
        receiver: with the fields of OtlpReceiver.
        has_token: whether a token is sent.
    """
    yield from path_problems(receiver.url)
    if not (receiver.traces or receiver.logs):
        yield Problem(
            "traces",
            "is false, and logs as well",
            "nothing would be sent",
            "set one of the two to true, or leave the receiver out",
        )
    yield from token_problems(receiver, has_token=has_token)
