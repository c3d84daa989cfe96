"""A receiver of OTLP for servers on Google Cloud."""

from __future__ import annotations

from dataclasses import dataclass

from ..mcp.otlp import TOKEN_VARIABLE, OtlpReceiver
from .arg_types import SecretVersion


@dataclass(frozen=True, kw_only=True)
class GcpOtlpReceiver(OtlpReceiver):
    """A receiver of yours, for services of Cloud Run.

    Attributes:
        token: the version of the secret with the token,
            ``projects/<project>/secrets/<name>/versions/<number>``; None: no token is sent.
    """

    token: SecretVersion | None = None


def otlp_token(receiver: GcpOtlpReceiver | None) -> dict[str, str]:
    """The secret with the token, by environment variable; none without a token."""
    token = receiver.token if receiver else None
    return {TOKEN_VARIABLE: token} if token else {}
