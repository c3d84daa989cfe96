"""Where a collector sends what it keeps: a receiver of OTLP over HTTP with TLS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar

import pulumi

from ..base.arg_types import HeaderName, Url
from ..base.forms import URL
from ..base.inputs import is_pending
from ..base.problems import Problem
from ..base.refusal import refuse
from ..kubernetes.container import SecretFiles
from ..mcp.otlp_problems import PATHS, path_problems, token_problems
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
        url: of the sink, without the path for logs (``/v1/logs``) or traces (``/v1/traces``). One
            that is known during a deployment only is checked then.
        token: key with the token; None: no token is sent.
        header: the header that has the token.
        scheme: what precedes the token in the header; none: the token alone.
        ca: key with the CA that signs the sink's certificate; None: a public one.
    """

    url: pulumi.Input[Url]
    token: SecretKey | None = None
    header: HeaderName = "Authorization"
    scheme: Literal["Bearer", "Basic", "ApiKey", "none"] = "Bearer"
    ca: SecretKey | None = None

    def refusals(self) -> Iterator[Problem]:
        """A path in the URL, and a header and a scheme that do not fit the token."""
        if isinstance(self.url, str):
            yield from path_problems(self.url, self.refused_paths)
        yield from token_problems(self, has_token=self.token is not None)

    @property
    def refused_paths(self) -> Sequence[str]:
        """Paths that may not be the end of its URL."""
        return PATHS


Sink = TypeVar("Sink", bound=OtlpSink)


def known(sink: Sink, url: str) -> Sink:
    """A sink with its URL, once that is known.

    Raises:
        Refused: it was not known when the args were checked, and is wrong.
    """
    if is_pending(sink.url):
        wrong = URL.problem("sink.url", url)
        paths = path_problems(url, sink.refused_paths)
        refuse([wrong] if wrong else [replace(one, path=f"sink.{one.path}") for one in paths])
    return replace(sink, url=url)


def base_url(sink: OtlpSink) -> str:
    """The URL of a sink that is ``known``, to which a path is appended."""
    if not isinstance(sink.url, str):
        raise TypeError("the URL of the sink is not known yet")
    return sink.url.rstrip("/")


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
