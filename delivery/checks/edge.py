"""The way into a platform: its certificate, its version of TLS, the redirect from plain HTTP."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2

from . import NotCheckedError, wrong

CONNECT_SECONDS = 5.0
OLDEST = ("TLSv1.2", "TLSv1.3")
_UNREACHED = "clients cannot connect"


def tls(url: str, ca_file: str | None) -> str:
    """Connects as a client that verifies; the version spoken, and until when it will work."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    if parts.scheme != "https":
        raise NotCheckedError("the address is plain HTTP")
    trust = ssl.create_default_context(cafile=ca_file)
    trust.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # an old one is named, not just cut
    try:
        with (
            socket.create_connection((host, port), CONNECT_SECONDS) as plain,
            trust.wrap_socket(plain, server_hostname=host) as connection,
        ):
            version, certificate = connection.version(), connection.getpeercert()
    except ssl.SSLCertVerificationError as refusal:
        raise wrong(
            f"{host}:{port}",
            f"its certificate is refused: {refusal.verify_message}",
            "no client that verifies it connects",
            "renew it in the gateway's TLS Secret: docs/how-to/rotate-secrets.md says how",
        ) from refusal
    except (OSError, TimeoutError) as failure:
        raise wrong(
            f"{host}:{port}",
            f"no TLS connection: {failure.strerror or failure}",
            _UNREACHED,
            "see that the gateway's Service has an address and its pods are ready: kubectl get "
            "service,pods",
        ) from failure
    if version not in OLDEST:
        raise wrong(
            f"{host}:{port}",
            f"it speaks {version}",
            "what is said can be read on the way",
            f"let whatever ends TLS there speak {OLDEST[0]} or newer",
        )
    until = ssl.cert_time_to_seconds(str((certificate or {}).get("notAfter")))
    return f"{version}, certificate valid until {datetime.fromtimestamp(until, UTC):%Y-%m-%d}"


def redirect(url: str, *, forwarded: bool) -> str:
    """As ``redirected``, at the port of plain HTTP beside ``url``.

    Args:
        forwarded: whether a forwarded port stands in for the address.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if forwarded or parts.port not in (None, 443):
        raise NotCheckedError("plain HTTP has no port of its own there")
    return redirected(f"http://{f'[{host}]' if ':' in host else host}{parts.path}")


def redirected(plain: str) -> str:
    """Asks at this address in plain HTTP; the address that it sends clients on to."""
    try:
        answer = httpx2.get(plain, timeout=CONNECT_SECONDS, follow_redirects=False, trust_env=False)
    except httpx2.HTTPError as failure:
        raise NotCheckedError(f"port 80 does not answer ({type(failure).__name__})") from failure
    target = answer.headers.get("location", "")
    if answer.is_redirect and target.startswith("https://"):
        return f"{answer.status_code} to {target}"
    raise wrong(
        plain,
        f"it answers {answer.status_code} without sending the client on to https://",
        "a token sent there can be read on the way",
        "let nothing but the gateway listen on port 80",
    )
