"""Where a collector sends what it keeps: a receiver of OTLP over HTTP with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..base.arg_types import HeaderName, Url
from ..base.problems import Problem
from ..kubernetes.container import SecretFiles
from ..mcp.otlp_problems import path_problems, token_problems
from ..mcp.secret_key import SecretKey

TOKEN: Final = "/etc/otlp-sink"  # noqa: S105  (a folder)
"""Folder of the token for the sink."""
CA_FOLDER: Final = "/etc/otlp-sink-ca"
"""Folder of the CA of the sink's certificate."""
_AUTHENTICATOR: Final = "bearertokenauth"


@dataclass(frozen=True, kw_only=True)
class OtlpSink:
    """Where a collector sends: a receiver of OTLP (HTTP) over TLS.

    Attributes:
        url: of the sink, without the path for logs (``/v1/logs``) or traces (``/v1/traces``).
        token: key with the token; None: no token is sent.
        header: the header that has the token.
        scheme: what precedes the token in the header; none: the token alone.
        ca: key with the CA that signs the sink's certificate; None: a public one.
    """

    url: Url
    token: SecretKey | None = None
    header: HeaderName = "Authorization"
    scheme: Literal["Bearer", "Basic", "ApiKey", "none"] = "Bearer"
    ca: SecretKey | None = None

    def refusals(self) -> Iterator[Problem]:
        """A path in the URL, and a header and a scheme that do not fit the token."""
        yield from path_problems(self.url)
        yield from token_problems(self, has_token=self.token is not None)


def authenticator(sink: OtlpSink) -> dict[str, Any]:
    """The extension that reads the token from its file, and again when the file changes."""
    if sink.token is None:
        return {}
    return {
        _AUTHENTICATOR: {
            "header": sink.header,
            "scheme": "" if sink.scheme == "none" else sink.scheme,
            "filename": f"{TOKEN}/{sink.token.key}",
        }
    }


def connection(sink: OtlpSink) -> dict[str, Any]:
    """The fields of an exporter about TLS, the token and retries."""
    return {
        "tls": {
            "min_version": "1.2",
            **({"ca_file": f"{CA_FOLDER}/{sink.ca.key}"} if sink.ca else {}),
        },
        **({"auth": {"authenticator": _AUTHENTICATOR}} if sink.token else {}),
        # Never given up: the queue, which is limited, keeps what the sink does not take.
        "retry_on_failure": {"max_elapsed_time": "0s", "max_interval": "30s"},
    }


def sink_files(sink: OtlpSink) -> list[SecretFiles]:
    """The files of the token and of the CA, for the collector's container."""
    return [
        SecretFiles(secret=key.secret, path=path, keys=(key.key,))
        for key, path in ((sink.token, TOKEN), (sink.ca, CA_FOLDER))
        if key
    ]
